import { isIP } from 'node:net';
import { ConfigModule } from '@nestjs/config';
import * as v from 'valibot';
import { Refusal } from './refusal.js';

/** Nest's log levels, the quietest first. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'] as const;

/**
 * Every variable the service reads, with its default and the sentence that the README gives for it.
 *
 * This is the only file that reads the environment; everything else asks `ConfigService<Environment, true>`.
 */
export const environmentSchema = v.object({
  PORT: v.pipe(
    v.optional(
      variable(isPort, '0 to let the operating system choose, or a port from 1 to 65535 in plain digits'),
      '3000',
    ),
    v.transform(Number),
    v.description('The requested port; `0` lets the operating system choose.'),
  ),
  HOST: v.pipe(
    v.optional(variable(isHost, 'an IP address or a host name; leave it out to bind every interface')),
    v.description('The IP address or host name to bind; unset binds every interface, IPv6 and IPv4.'),
  ),
  LOG_LEVEL: v.pipe(
    v.optional(variable(isLogLevel, `one of ${LOG_LEVELS.join(', ')}`), 'log'),
    v.description(`The least severe level that is logged: ${LOG_LEVELS.map((level) => `\`${level}\``).join(', ')}.`),
  ),
});

/** The validated environment: what `ConfigService` gives. */
export type Environment = v.InferOutput<typeof environmentSchema>;

/**
 * Validates raw variables. One that is set to nothing counts as unset: `PORT=` is how a Compose file passes on a
 * variable that its own environment lacks.
 *
 * @throws {Refusal} a line for each invalid variable
 */
export function validate(variables: Record<string, unknown>): Environment {
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''));
  const result = v.safeParse(environmentSchema, given);
  if (!result.success) {
    throw new Refusal(result.issues.map((issue) => `${v.getDotPath(issue)} ${issue.message}`).join('\n'));
  }
  return result.output;
}

/** Makes the environment available in every module. A variable of the real environment wins over the `.env` file. */
export const EnvironmentModule = ConfigModule.forRoot({ isGlobal: true, skipProcessEnv: true, validate });

function variable<T extends string>(isValid: (value: string) => value is T, allowed: string) {
  return v.custom<T>(
    (value) => isValid(String(value)),
    ({ input }) => `is ${quote(String(input))}${hint(String(input))}: it must be ${allowed}.`,
  );
}

// The digits come first: Number() also takes ' 80', '+80', '8e1' and '0x50', and Node takes what is no number at all
// for the path of a Unix socket.
function isPort(value: string): value is string {
  return /^(0|[1-9]\d{0,4})$/.test(value) && Number(value) <= 65535;
}

// A last label of digits is refused because the resolver reads such a name as an IPv4 address: '3000' is 0.0.11.184.
function isHost(value: string): value is string {
  const name =
    /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?!\d+$|0x)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
  return isIP(value) !== 0 || name.test(value);
}

function isLogLevel(value: string): value is (typeof LOG_LEVELS)[number] {
  return LOG_LEVELS.some((level) => level === value);
}

/** The value in quotes with everything beyond printable ASCII escaped, so that no character hides; shortened. */
function quote(value: string): string {
  const shown = value.length > 60 ? value.slice(0, 40) : value;
  const escaped = JSON.stringify(shown).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return shown === value ? escaped : `${escaped}… (${value.length} characters)`;
}

function hint(value: string): string {
  return value.startsWith('tcp://')
    ? ', which is what a Kubernetes Service link looks like (set enableServiceLinks: false in the Pod)'
    : '';
}
