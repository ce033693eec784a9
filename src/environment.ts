import { ConfigModule } from '@nestjs/config';
import { StartupError, isHost, isMulticast } from 'port-binding';
import * as v from 'valibot';
import { nearest, parseEnvFile } from './environment/env-file.js';

/** Nest's log levels, the most severe first. */
const LOG_LEVELS = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'] as const;

/** The names that other loggers give to them. */
const OTHER_NAMES: Record<string, (typeof LOG_LEVELS)[number]> = {
  critical: 'fatal',
  err: 'error',
  warning: 'warn',
  info: 'log',
  trace: 'verbose',
};

const DAY_MS = 86_400_000;

const MILLION = 1_000_000;

/** A longer value may be a credential in the wrong place: a refusal shows only its length. */
const MAX_SHOWN = 30;

/**
 * Every variable that users set: its default, its rule, and its sentence in the README.
 *
 * This is the only file that reads the environment. Everything else asks `ConfigService<Environment, true>`.
 */
export const environmentSchema = v.pipe(
  v.object({
    PORT: v.pipe(
      v.optional(
        number(0, 65535, '0 to let the operating system choose, or a port from 1 to 65535 in plain digits', portHint),
        '3000',
      ),
      v.description('The requested port. `0` lets the operating system choose.'),
    ),
    HOST: v.pipe(
      v.optional(variable(isHost, 'an IP address or a host name, or unset to bind every interface', hostHint)),
      v.description('The IP address or host name to bind. Unset binds every interface, IPv6 and IPv4.'),
    ),
    // Enough for a balancer that checks every two seconds to fail twice, and one second for the answers. Docker and Cloud
    // Run kill after ten seconds, so half of that time remains for the requests in flight.
    DRAIN_DELAY_MS: milliseconds('5000', 'How long to keep serving after SIGTERM, while load balancers notice.'),
    // One second less than Docker and Cloud Run allow.
    SHUTDOWN_TIMEOUT_MS: milliseconds('9000', 'When to cut off unanswered requests, counted from the signal.'),
    // Google's load balancers keep an idle connection for 600 s, longer than others (Heroku 90 s, AWS 60 s), and ask for
    // 620 s: https://cloud.google.com/load-balancing/docs/https#timeouts_and_retries
    KEEP_ALIVE_TIMEOUT_MS: milliseconds(
      '620000',
      'How long a connection may stay idle. Must be longer than the load balancer keeps it.',
    ),
    MAX_CONNECTIONS: v.pipe(
      v.optional(
        number(1, MILLION, `a number from 1 to ${MILLION} in plain digits, or unset for as many as fit in memory`),
      ),
      v.description('How many connections to hold. Unset allows at most one per 128 KiB of memory.'),
    ),
    METRICS_PORT: v.pipe(
      v.optional(
        number(0, 65535, '0, or a port from 1 to 65535 in plain digits, or unset to serve /metrics on PORT', portHint),
      ),
      v.description('A separate port for `/metrics`. Unset serves it on `PORT`.'),
    ),
    REVISION: v.pipe(
      v.optional(v.string(), 'unknown'),
      v.description('The commit that is running, for display. The image sets it from its build argument.'),
    ),
    LOG_LEVEL: v.pipe(
      v.optional(variable(isLogLevel, `one of ${LOG_LEVELS.join(', ')}`, logLevelHint), 'log'),
      v.description('The least severe level to log: `fatal`, `error`, `warn`, `log`, `debug` or `verbose`.'),
    ),
  }),
  v.forward(
    v.partialCheck(
      [['DRAIN_DELAY_MS'], ['SHUTDOWN_TIMEOUT_MS']],
      (times) => times.DRAIN_DELAY_MS < times.SHUTDOWN_TIMEOUT_MS,
      ({ input }) =>
        `is "${input.DRAIN_DELAY_MS}": it must be less than SHUTDOWN_TIMEOUT_MS, ${input.SHUTDOWN_TIMEOUT_MS}.`,
    ),
    ['DRAIN_DELAY_MS'],
  ),
  v.forward(
    v.partialCheck(
      [['PORT'], ['METRICS_PORT']],
      ({ PORT, METRICS_PORT }) => METRICS_PORT !== PORT || PORT === 0,
      ({ input }) =>
        `is "${input.METRICS_PORT}": it must differ from PORT, or must be unset to serve /metrics on PORT.`,
    ),
    ['METRICS_PORT'],
  ),
);

/** The validated variables, typed, for `ConfigService<Environment, true>`. */
export type Environment = v.InferOutput<typeof environmentSchema>;

/**
 * Validates the variables in the schema and passes on all others untouched. A variable that is set to nothing counts as
 * unset: a Compose file writes `PORT=` to pass on a variable that its own environment lacks.
 *
 * @param sources the variables by source. A later source wins over those before it.
 * @throws {StartupError} one line per invalid variable
 */
export function validate(...sources: Record<string, unknown>[]): Environment {
  const given = Object.fromEntries(
    sources.flatMap((variables) => Object.entries(variables)).filter(([, value]) => value !== ''),
  );
  // List every variable: Valibot skips the schema of a missing key.
  const absent = Object.fromEntries(Object.keys(environmentSchema.entries).map((name) => [name, undefined]));
  const result = v.safeParse(environmentSchema, { ...absent, ...given });
  if (!result.success) {
    throw new StartupError(result.issues.map((issue) => `${v.getDotPath(issue)} ${issue.message}`).join('\n'));
  }
  return { ...given, ...result.output };
}

/**
 * The descriptor of the socket that systemd hands over, if it does
 * (https://www.freedesktop.org/software/systemd/man/sd_listen_fds.html).
 * The variables are meant for one process, whose children inherit them too.
 *
 * @throws {StartupError} when there is more than one socket
 */
export function inheritedSocket({ LISTEN_PID, LISTEN_FDS = '0' } = process.env, pid = process.pid): number | undefined {
  if (LISTEN_PID !== String(pid) || LISTEN_FDS === '0') return undefined;
  if (LISTEN_FDS === '1') return 3;
  throw new StartupError(`LISTEN_FDS is "${LISTEN_FDS}": leave one ListenStream= in the socket unit.`);
}

/** Provides `ConfigService` to every module. The real environment wins over the `.env` file. */
export const EnvironmentModule = ConfigModule.forRoot({
  isGlobal: true,
  parser: parseEnvFile,
  // Validate the file's variables apart: merged first, a real variable that is set to nothing would hide the file's.
  validatePredefined: false,
  validate: (file) => {
    warnOfNearMisses(Object.keys(file));
    // Also for code that reads `process.env` itself, such as the factories of `registerAs()`.
    for (const [name, value] of Object.entries(process.env)) if (value === '') delete process.env[name];
    // With a socket that is bound already, no port is requested by default.
    return validate(inheritedSocket() === undefined ? {} : { PORT: '0' }, file, process.env);
  },
}).catch((error: Error) => {
  throw error instanceof StartupError ? error : new StartupError(`Cannot read the .env file: ${error.message}.`);
});

/** Warns on standard error, because a refusal that follows may be the consequence. */
function warnOfNearMisses(names: string[]): void {
  const known = Object.keys(environmentSchema.entries);
  for (const name of names.filter((each) => !known.includes(each))) {
    const meant = nearest(name, known);
    if (meant !== undefined) process.stderr.write(`Warning: .env sets ${name}. Did you mean ${meant}?\n`);
  }
}

/** A required variable, unless you wrap it in `v.optional()`. A refusal shows its value: use `secret()` for credentials. */
export function variable<T extends string>(
  isValid: (value: string) => value is T,
  allowed: string,
  hint: (value: string) => string = () => '',
) {
  return described(isValid, allowed, (value) => quote(value) + hint(value));
}

/** A required variable, unless you wrap it in `v.optional()`. A refusal never shows its value. */
export function secret<T extends string>(isValid: (value: string) => value is T, allowed: string) {
  return described(isValid, allowed, (value) => `a secret of ${value.length} characters`);
}

function described<T extends string>(
  isValid: (value: string) => value is T,
  allowed: string,
  describe: (value: string) => string,
) {
  return v.custom<T>(
    (value) => typeof value === 'string' && isValid(value),
    ({ input }) => `is ${typeof input === 'string' ? describe(input) : 'not set'}: it must be ${allowed}.`,
  );
}

function milliseconds(preset: string, description: string) {
  const allowed = `a number of milliseconds from 0 to ${DAY_MS} in plain digits`;
  return v.pipe(v.optional(number(0, DAY_MS, allowed), preset), v.description(description));
}

function number(min: number, max: number, allowed: string, hint?: (value: string) => string) {
  // Check the digits first: Number() also accepts ' 80', '+80', '8e1' and '0x50', and Node takes any other string as the
  // path of a Unix socket.
  const isValid = (value: string): value is string =>
    /^(0|[1-9]\d{0,9})$/.test(value) && Number(value) >= min && Number(value) <= max;
  return v.pipe(variable(isValid, allowed, hint), v.transform(Number));
}

function isLogLevel(value: string): value is (typeof LOG_LEVELS)[number] {
  return LOG_LEVELS.some((level) => level === value);
}

/** The value in quotes. Everything but printable ASCII is escaped, so that no character hides. */
function quote(value: string): string {
  if (value.length > MAX_SHOWN) return `${value.length} characters long`;
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function portHint(value: string): string {
  if (value.startsWith('tcp://')) {
    return ', which is what a Kubernetes Service link looks like (set enableServiceLinks: false in the Pod)';
  }
  if (value.startsWith('\\\\.\\pipe\\')) {
    return ', which is a named pipe, as iisnode on Windows sets it (run on Linux, or behind HttpPlatformHandler with PORT=%HTTP_PLATFORM_PORT%)';
  }
  return '';
}

function hostHint(value: string): string {
  return isMulticast(value) ? ', which is a multicast or broadcast address that no client can connect to' : '';
}

function logLevelHint(value: string): string {
  const name = value.toLowerCase();
  const level = isLogLevel(name) ? name : OTHER_NAMES[name];
  return level === undefined ? '' : `, which Nest calls "${level}"`;
}
