import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ConfigService } from '@nestjs/config';
import { Test } from '@nestjs/testing';
import * as v from 'valibot';
import { type Environment, EnvironmentModule, environmentSchema, validate } from './environment.js';
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

it('has a default for every variable but those that may be left out', () => {
  expect(valid()).toMatchObject(DEFAULTS);
});

it('takes a variable that is set to nothing for one that is not set', () => {
  expect(valid(Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, ''])))).toMatchObject(DEFAULTS);
});

it('takes the last of several sources, but not one that is set to nothing', () => {
  expect(valid({ PORT: '5000', LOG_LEVEL: 'warn' }, { PORT: '', LOG_LEVEL: 'debug' })).toMatchObject({
    ...DEFAULTS,
    PORT: 5000,
    LOG_LEVEL: 'debug',
  });
});

it('gives only what it has validated', () => {
  expect(Object.keys(valid({ PORT: '8080', PATH: '/bin' })).toSorted()).toEqual(
    Object.keys(environmentSchema.entries).toSorted(),
  );
});

it.each(['0', '1', '80', '3000', '65535'])('takes %s for a port', (PORT) => {
  expect(valid({ PORT }).PORT).toBe(Number(PORT));
});

it.each([
  '127.0.0.1',
  '::',
  '::1',
  'fe80::1%eth0',
  '::ffff:127.0.0.1',
  '240.0.0.1',
  'localhost',
  'db-1.example.com',
  'my_service',
  'a'.repeat(63),
  '3com',
])('takes %s for a host', (HOST) => {
  expect(valid({ HOST }).HOST).toBe(HOST);
});

it.each(['0x7f000001', '127.1', '1.2.3.4.5', 'a'.repeat(64), `${'a.'.repeat(127)}a`, 'a-.b.', '.'])(
  'refuses %s for a host',
  (HOST) => {
    expect(refusal({ HOST })).toMatch(/^HOST is "/);
  },
);

it.each([' ', '-1', '1.5', '1e3', '86400001', 'soon'])('refuses %j for a number of milliseconds', (value) => {
  for (const name of ['DRAIN_DELAY_MS', 'SHUTDOWN_TIMEOUT_MS', 'KEEP_ALIVE_TIMEOUT_MS']) {
    expect(refusal({ [name]: value })).toBe(
      `${name} is "${value}": it must be a number of milliseconds from 0 to 86400000 in plain digits.`,
    );
  }
});

it.each(['0', '-1', '1.5', '1000001', 'many'])('refuses %j for a number of connections', (MAX_CONNECTIONS) => {
  expect(refusal({ MAX_CONNECTIONS })).toBe(
    `MAX_CONNECTIONS is "${MAX_CONNECTIONS}": it must be a number from 1 to 1000000 in plain digits, or left out for what fits in memory.`,
  );
});

it('takes a number of connections', () => {
  expect(valid({ MAX_CONNECTIONS: '100' }).MAX_CONNECTIONS).toBe(100);
});

it.each([
  [{ PORT: 'tcp://10.0.0.1:80' }, 'which is what a Kubernetes Service link looks like'],
  [{ PORT: '\\\\.\\pipe\\4f1c' }, 'which is a named pipe, as iisnode on Windows sets it'],
  [{ HOST: '224.0.0.1' }, 'which is a multicast or broadcast address'],
])('recognises what %j is', (variables, hint) => {
  expect(refusal(variables)).toContain(`", ${hint}`);
});

it.each(['224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1', 'ff02::1%lo', '::ffff:224.0.0.1'])(
  'refuses %s for a host, as nobody can connect to it',
  (HOST) => {
    expect(refusal({ HOST })).toMatch(/^HOST is ".*", which is a multicast or broadcast address /);
  },
);

it.each(['info', 'LOG', 'silent'])('refuses %s for a log level', (LOG_LEVEL) => {
  expect(refusal({ LOG_LEVEL })).toBe(
    `LOG_LEVEL is "${LOG_LEVEL}": it must be one of fatal, error, warn, log, debug, verbose.`,
  );
});

describe('the drain delay', () => {
  it.each([
    [{ DRAIN_DELAY_MS: '9000' }, 'DRAIN_DELAY_MS is "9000": it must be less than SHUTDOWN_TIMEOUT_MS, 9000.'],
    [{ SHUTDOWN_TIMEOUT_MS: '4000' }, 'DRAIN_DELAY_MS is "5000": it must be less than SHUTDOWN_TIMEOUT_MS, 4000.'],
    [
      { DRAIN_DELAY_MS: '0', SHUTDOWN_TIMEOUT_MS: '0' },
      'DRAIN_DELAY_MS is "0": it must be less than SHUTDOWN_TIMEOUT_MS, 0.',
    ],
  ])('has to be less than the shutdown timeout: %j', (variables, message) => {
    expect(refusal(variables)).toBe(message);
  });

  it('is compared even when another variable is invalid', () => {
    expect(refusal({ PORT: 'abc', DRAIN_DELAY_MS: '9000' }).split('\n')).toHaveLength(2);
  });
});

it('reads typed values through ConfigService, and a misspelt key does not compile', async () => {
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
