import { BlockList, isIP, isIPv6 } from 'node:net';
import { ConfigModule } from '@nestjs/config';
import * as v from 'valibot';
import { StartupError } from 'port-binding';

/** Nest's log levels, the most severe first. */
const LOG_LEVELS = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'] as const;

const DAY_MS = 86_400_000;

const MILLION = 1_000_000;

/** Multicast and broadcast: some systems listen on these, but no TCP connection ever gets there. In IPv6 notation, too. */
const GROUPS = new BlockList();
GROUPS.addSubnet('224.0.0.0', 4, 'ipv4');
GROUPS.addAddress('255.255.255.255', 'ipv4');
GROUPS.addSubnet('ff00::', 8, 'ipv6');

/**
 * Every variable that the service reads: its default, its rule, and the sentence that the README has for it.
 *
 * This is the only file that reads the environment; everything else asks `ConfigService<Environment, true>`.
 */
export const environmentSchema = v.pipe(
  v.object({
    PORT: v.pipe(
      v.optional(
        variable(isPort, '0 to let the operating system choose, or a port from 1 to 65535 in plain digits'),
        '3000',
      ),
      v.transform(Number),
      v.description('The requested port; `0` lets the operating system choose.'),
    ),
    HOST: v.pipe(
      v.optional(variable(isHost, 'an IP address or a host name, or left out to bind every interface')),
      v.description('The IP address or host name to bind; unset binds every interface, IPv6 and IPv4.'),
    ),
    // Two checks of a balancer that asks every two seconds, and a second for the answer. It is half of what Docker and
    // Cloud Run give, and so leaves the other half to the requests in flight.
    DRAIN_DELAY_MS: milliseconds('5000', 'How long to go on serving after SIGTERM, while the balancers notice.'),
    // Docker and Cloud Run kill after ten seconds: one to spare.
    SHUTDOWN_TIMEOUT_MS: milliseconds('9000', 'When, counted from the signal, to cut off what is not answered yet.'),
    // Google's load balancers idle a connection for 600 s, longer than others (Heroku 90 s, AWS 60 s), and want 620 s
    // behind them: https://cloud.google.com/load-balancing/docs/https#timeouts_and_retries
    KEEP_ALIVE_TIMEOUT_MS: milliseconds('620000', 'How long a connection may idle: longer than the balancer lets it.'),
    MAX_CONNECTIONS: v.pipe(
      v.optional(
        variable(isCount, `a number from 1 to ${MILLION} in plain digits, or left out for what fits in memory`),
      ),
      v.transform((count) => (count === undefined ? undefined : Number(count))),
      v.description('How many connections to hold; unset allows one for each 128 kB of memory.'),
    ),
    METRICS_PORT: v.pipe(
      v.optional(
        variable(isPort, '0, or a port from 1 to 65535 in plain digits, or left out to have /metrics on PORT'),
      ),
      v.transform((port) => (port === undefined ? undefined : Number(port))),
      v.description('A port of its own for `/metrics`; unset has it on `PORT`.'),
    ),
    REVISION: v.pipe(
      v.optional(v.string(), 'unknown'),
      v.description('The commit that runs here, to show; the image has it from its build argument.'),
    ),
    LOG_LEVEL: v.pipe(
      v.optional(variable(isLogLevel, `one of ${LOG_LEVELS.join(', ')}`), 'log'),
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
      ({ input }) => `is "${input.METRICS_PORT}": it must be another than PORT, or left out to have /metrics on that.`,
    ),
    ['METRICS_PORT'],
  ),
);

/** The validated environment: what `ConfigService` gives. */
export type Environment = v.InferOutput<typeof environmentSchema>;

/**
 * Validates raw variables. One that is set to nothing counts as unset: `PORT=` is how a Compose file passes on a
 * variable that its own environment lacks.
 *
 * @param sources where they come from: a later one wins over those before it
 * @throws {StartupError} a line for each invalid variable
 */
export function validate(...sources: Record<string, unknown>[]): Environment {
  const given = sources.flatMap((variables) => Object.entries(variables)).filter(([, value]) => value !== '');
  // All that there are, as of a property that is not there its own schema is not asked.
  const absent = Object.keys(environmentSchema.entries).map((name) => [name, undefined]);
  const result = v.safeParse(environmentSchema, Object.fromEntries([...absent, ...given]));
  if (!result.success) {
    throw new StartupError(result.issues.map((issue) => `${v.getDotPath(issue)} ${issue.message}`).join('\n'));
  }
  return result.output;
}

/** `ConfigService` for every module. The real environment wins over the `.env` file. */
export const EnvironmentModule = ConfigModule.forRoot({
  isGlobal: true,
  skipProcessEnv: true,
  // What the file says, alone: merged with the real environment, a variable set to nothing there would hide it.
  validatePredefined: false,
  validate: (file) => validate(file, process.env),
}).catch((error: Error) => {
  throw error instanceof StartupError ? error : new StartupError(`The file .env cannot be read: ${error.message}.`);
});

function milliseconds(preset: string, description: string) {
  return v.pipe(
    v.optional(variable(isMilliseconds, `a number of milliseconds from 0 to ${DAY_MS} in plain digits`), preset),
    v.transform(Number),
    v.description(description),
  );
}

/** A variable that is required, if it is not wrapped in `v.optional()`. */
function variable<T extends string>(isValid: (value: string) => value is T, allowed: string) {
  return v.custom<T>(
    (value) => typeof value === 'string' && isValid(value),
    ({ input }) =>
      typeof input === 'string'
        ? `is ${quote(input)}${hint(input)}: it must be ${allowed}.`
        : `is not set: it must be ${allowed}.`,
  );
}

// The digits come first: Number() also takes ' 80', '+80', '8e1' and '0x50', and Node takes what is no number at all
// for the path of a Unix socket.
function isWholeNumber(value: string, max: number): boolean {
  return /^(0|[1-9]\d{0,9})$/.test(value) && Number(value) <= max;
}

function isPort(value: string): value is string {
  return isWholeNumber(value, 65535);
}

function isCount(value: string): value is string {
  return isWholeNumber(value, MILLION) && value !== '0';
}

function isMilliseconds(value: string): value is string {
  return isWholeNumber(value, DAY_MS);
}

// A last label that is a number is refused, because resolvers read such a name as an IPv4 address: 3000 is 0.0.11.184.
function isHost(value: string): value is string {
  const name = /^(?=.{1,253}$)([a-z0-9_][a-z0-9_-]{0,62}\.)*(?!(\d+|0x[0-9a-f]*)$)[a-z0-9_][a-z0-9_-]{0,62}$/i;
  return isIP(value) === 0 ? name.test(value) : !isGroup(value);
}

function isGroup(value: string): boolean {
  return GROUPS.check(value, isIPv6(value) ? 'ipv6' : 'ipv4');
}

function isLogLevel(value: string): value is (typeof LOG_LEVELS)[number] {
  return LOG_LEVELS.some((level) => level === value);
}

/** The value in quotes, with everything but printable ASCII escaped so that no character hides; shortened when long. */
function quote(value: string): string {
  const shown = value.length > 60 ? value.slice(0, 40) : value;
  const escaped = JSON.stringify(shown).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return shown === value ? escaped : `${escaped}… (${value.length} characters)`;
}

function hint(value: string): string {
  if (value.startsWith('tcp://')) {
    return ', which is what a Kubernetes Service link looks like (set enableServiceLinks: false in the Pod)';
  }
  if (value.startsWith('\\\\.\\pipe\\')) {
    return ', which is a named pipe, as iisnode on Windows sets it (run on Linux, or behind HttpPlatformHandler with PORT=%HTTP_PLATFORM_PORT%)';
  }
  return isGroup(value) ? ', which is a multicast or broadcast address that nobody can connect to' : '';
}
