import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ConfigService } from '@nestjs/config';
import { Test } from '@nestjs/testing';
import * as v from 'valibot';
import { type Environment, EnvironmentModule, environmentSchema, secret, validate, variable } from './environment.js';
import { ENVIRONMENT } from '../test/support/environment.js';
import { StartupError } from 'port-binding';

const DEFAULTS = {
  PORT: 3000,
  HOST: undefined,
  DRAIN_DELAY_MS: 5000,
  SHUTDOWN_TIMEOUT_MS: 9000,
  KEEP_ALIVE_TIMEOUT_MS: 620_000,
  MAX_CONNECTIONS: undefined,
  METRICS_PORT: undefined,
  REVISION: 'unknown',
  LOG_LEVEL: 'log',
};

const valid = (...sources: Record<string, unknown>[]) => validate(ENVIRONMENT, ...sources);

function refusal(variables: Record<string, string>): string {
  try {
    valid(variables);
  } catch (error) {
    expect(error).toBeInstanceOf(StartupError);
    return (error as StartupError).message;
  }
  throw new Error('was not refused');
}

const isAny = (value: string): value is string => value === 'any';

function messageOf(schema: v.GenericSchema, value?: string): string {
  return v.safeParse(schema, value).issues![0].message;
}

it('has a default for every variable except the optional ones', () => {
  expect(valid()).toMatchObject(DEFAULTS);
});

it('treats a variable that is set to nothing as unset', () => {
  expect(valid(Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, ''])))).toMatchObject(DEFAULTS);
});

it('takes the last of several sources, unless it is set to nothing there', () => {
  expect(valid({ PORT: '5000', LOG_LEVEL: 'warn' }, { PORT: '', LOG_LEVEL: 'debug' })).toMatchObject({
    ...DEFAULTS,
    PORT: 5000,
    LOG_LEVEL: 'debug',
  });
});

it('passes on unknown variables untouched, and none that is set to nothing', () => {
  const variables = valid({ PORT: '8080', JWT_SECRET: '0042', DB_HOST: 'db' }, { DB_HOST: '', DB_NAME: '' });
  expect(variables).toMatchObject({ PORT: 8080, JWT_SECRET: '0042', DB_HOST: 'db' });
  expect(variables).not.toHaveProperty('DB_NAME');
});

it.each(['0', '1', '80', '3000', '65535'])('accepts %s as a port', (PORT) => {
  expect(valid({ PORT }).PORT).toBe(Number(PORT));
});

it('accepts a host name and refuses what is none', () => {
  expect(valid({ HOST: 'localhost' }).HOST).toBe('localhost');
  expect(refusal({ HOST: 'a-.b.' })).toBe(
    'HOST is "a-.b.": it must be an IP address or a host name, or unset to bind every interface.',
  );
});

it.each([' ', '-1', '1.5', '1e3', '86400001', 'soon'])('refuses %j as a number of milliseconds', (value) => {
  for (const name of ['DRAIN_DELAY_MS', 'SHUTDOWN_TIMEOUT_MS', 'KEEP_ALIVE_TIMEOUT_MS']) {
    expect(refusal({ [name]: value })).toBe(
      `${name} is "${value}": it must be a number of milliseconds from 0 to 86400000 in plain digits.`,
    );
  }
});

it.each(['0', '-1', '1.5', '1000001', 'many'])('refuses %j as a number of connections', (MAX_CONNECTIONS) => {
  expect(refusal({ MAX_CONNECTIONS })).toBe(
    `MAX_CONNECTIONS is "${MAX_CONNECTIONS}": it must be a number from 1 to 1000000 in plain digits, or unset for as many as fit in memory.`,
  );
});

it('accepts a number of connections', () => {
  expect(valid({ MAX_CONNECTIONS: '100' }).MAX_CONNECTIONS).toBe(100);
});

it.each([
  [{ PORT: 'tcp://10.0.0.1:80' }, 'which is what a Kubernetes Service link looks like'],
  [{ METRICS_PORT: 'tcp://10.0.0.1:80' }, 'which is what a Kubernetes Service link looks like'],
  [{ PORT: '\\\\.\\pipe\\4f1c' }, 'which is a named pipe, as iisnode on Windows sets it'],
  [{ HOST: '224.0.0.1' }, 'which is a multicast or broadcast address'],
  [{ LOG_LEVEL: 'info' }, 'which Nest calls "log":'],
  [{ LOG_LEVEL: 'Warning' }, 'which Nest calls "warn":'],
  [{ LOG_LEVEL: 'critical' }, 'which Nest calls "fatal":'],
  [{ LOG_LEVEL: 'trace' }, 'which Nest calls "verbose":'],
  [{ LOG_LEVEL: 'DEBUG' }, 'which Nest calls "debug":'],
])('recognises %j', (variables, hint) => {
  expect(refusal(variables)).toContain(`", ${hint}`);
});

it('refuses an unknown log level', () => {
  expect(refusal({ LOG_LEVEL: 'silent' })).toBe(
    'LOG_LEVEL is "silent": it must be one of fatal, error, warn, log, debug, verbose.',
  );
});

describe('a refusal', () => {
  it('shows a short value with every character visible', () => {
    expect(messageOf(variable(isAny, 'any'), ' 80\u200b\n')).toBe('is " 80\\u200b\\n": it must be any.');
  });

  it('shows only the length of a long value, because it may be a credential in the wrong place', () => {
    expect(messageOf(variable(isAny, 'any'), 'x'.repeat(30))).toContain('xxx');
    expect(messageOf(variable(isAny, 'any'), 'x'.repeat(31))).toBe('is 31 characters long: it must be any.');
  });

  it('shows only the length of a secret', () => {
    expect(messageOf(secret(isAny, 'any'), 's3cr3t')).toBe('is a secret of 6 characters: it must be any.');
  });

  it.each([variable, secret])('says that a required variable is not set (%p)', (required) => {
    expect(messageOf(required(isAny, 'any'))).toBe('is not set: it must be any.');
  });
});

describe('the drain delay', () => {
  it.each([
    [{ DRAIN_DELAY_MS: '9000' }, 'DRAIN_DELAY_MS is "9000": it must be less than SHUTDOWN_TIMEOUT_MS, 9000.'],
    [{ SHUTDOWN_TIMEOUT_MS: '4000' }, 'DRAIN_DELAY_MS is "5000": it must be less than SHUTDOWN_TIMEOUT_MS, 4000.'],
    [
      { DRAIN_DELAY_MS: '0', SHUTDOWN_TIMEOUT_MS: '0' },
      'DRAIN_DELAY_MS is "0": it must be less than SHUTDOWN_TIMEOUT_MS, 0.',
    ],
  ])('must be less than the shutdown timeout: %j', (variables, message) => {
    expect(refusal(variables)).toBe(message);
  });

  it('is compared even when another variable is invalid', () => {
    expect(refusal({ PORT: 'abc', DRAIN_DELAY_MS: '9000' }).split('\n')).toHaveLength(2);
  });
});

it('provides typed values through ConfigService, and a misspelt key does not compile', async () => {
  const module = await Test.createTestingModule({ imports: [EnvironmentModule] }).compile();
  const config = module.get<ConfigService<Environment, true>>(ConfigService);
  const port: number = config.get('PORT', { infer: true });
  expect(port).toEqual(expect.any(Number));
  // @ts-expect-error -- there is no such variable
  expect(config.get('PROT', { infer: true })).toBeUndefined();
});

describe('the documentation', () => {
  const variables = Object.entries(environmentSchema.entries).map(([name, schema]) => [
    name,
    schema.pipe[0].type === 'optional' ? (v.getDefault(schema.pipe[0]) ?? 'unset') : 'required',
    v.getDescription(schema),
  ]);

  it('lists every variable in the README, with its default and its sentence, and no other', () => {
    const rows = [...readFileSync('README.md', 'utf8').matchAll(/^\| `([A-Z_]+)` +\| (\S+) +\| (.*?) +\|$/gm)];
    expect(rows.map(([, name, preset, sentence]) => [name, preset!.replaceAll('`', ''), sentence])).toEqual(variables);
  });

  it('lists every variable in .env.example, with its default, and no other', () => {
    const lines = [...readFileSync('.env.example', 'utf8').matchAll(/^# ?([A-Z_]+)=(.*)$/gm)];
    expect(lines.map(([, name, preset]) => [name, preset])).toEqual(
      variables.map(([name, preset]) => [name, preset!.replace(/^(unset|required)$/, '')]),
    );
  });
});
