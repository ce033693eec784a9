import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from 'port-binding/check/ports';
import { GROUPS, declareContract } from '../contract/clauses.js';
import { program } from '../contract/target.js';
import { Container, describeWithDocker } from '../support/docker.js';
import { type Fork, buildFork, buildForkImage, describeWithForks } from '../support/fork.js';
import { describeWithRedis, startRedis } from '../support/redis.js';
import { run, start } from '../support/service.js';

const ENDED_WELL = { code: 0, signal: null };

/** The kind of a span, as OpenTelemetry's protocol counts. */
const SERVER = 2;

/** What people add first, all in one fork. Each is as the documentation of its library has it. */
const FIRST = [
  'greetings',
  'graphql',
  'upload',
  'jwt',
  'throttler',
  'static',
  'worker',
  'bcrypt',
  'winston',
  'prometheus',
];

const FIRST_FORK: Fork = {
  lines: `app.useGlobalPipes(new ValidationPipe({ transform: true }));
  app.useLogger(app.get(WINSTON_MODULE_NEST_PROVIDER));
  SwaggerModule.setup('api', app, () => SwaggerModule.createDocument(app, new DocumentBuilder().build()));`,
  imports: `import { ValidationPipe } from '@nestjs/common';
    import { WINSTON_MODULE_NEST_PROVIDER } from 'nest-winston';
    import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';\n`,
  edits: {
    'nest-cli.json': (text) => text.replace('"assets": [', '$&"static/public/**/*", '),
  },
};

const SWAGGER: Fork = {
  lines: `SwaggerModule.setup('api', app, () => SwaggerModule.createDocument(app, new DocumentBuilder().build()));`,
  imports: "import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';\n",
};

const port = (name: string) => `${name}: number(0, 65535, 'a port'),`;

/** Other transports and a queue, beside HTTP. */
const MESSAGES_FORK: Fork = {
  lines: `app.connectMicroservice({ transport: Transport.TCP, options: { port: config.get('TCP_PORT', { infer: true }) } });
    app.connectMicroservice({ transport: Transport.REDIS, options: { port: config.get('REDIS_PORT', { infer: true }) } });
    await app.startAllMicroservices();`,
  imports: "import { Transport } from '@nestjs/microservices';\n",
  edits: {
    'src/environment.ts': (text) => text.replace(/v\.\w*object\(\{/i, `$&${port('TCP_PORT')}${port('REDIS_PORT')}`),
  },
};

const PINO_FORK: Fork = {
  lines: 'app.useLogger(app.get(PinoLogger));',
  imports: "import { Logger as PinoLogger } from 'nestjs-pino';\n",
};

const encode = (value: object | Buffer) =>
  (Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value))).toString('base64url');

/** A token that the fork's passport-jwt takes. */
function token(): string {
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: 'Ada' })}`;
  return `${signed}.${encode(createHmac('sha256', 'secret').update(signed).digest())}`;
}

/** Asks as a client with a token. */
async function ask(url: string, init: RequestInit = {}) {
  const response = await fetch(url, {
    ...init,
    headers: { Authorization: `Bearer ${token()}`, ...(init.headers as object) },
  });
  return { status: response.status, body: await response.json() };
}

function post(url: string, body: object) {
  return ask(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
}

const forks = describeWithForks();

forks('a fork with what people add first', () => {
  let built: { program: string };
  let url: string;
  let service: ReturnType<typeof run>;

  beforeAll(async () => {
    built = buildFork(FIRST, FIRST_FORK);
    const PORT = await freePort();
    service = run({ PORT: String(PORT), DRAIN_DELAY_MS: '0' }, built);
    await service.accepting(PORT);
    url = `http://127.0.0.1:${PORT}`;
  });

  it('validates its DTOs and says which field is wrong', async () => {
    expect(await post(`${url}/greetings`, { name: 'Ada', times: '2' })).toEqual({
      status: 201,
      body: { text: 'hello, hello, Ada' },
    });
    expect(await post(`${url}/greetings`, { name: '', times: 4 })).toEqual({
      status: 400,
      body: {
        statusCode: 400,
        error: 'Bad Request',
        message: ['name should not be empty', 'times must not be greater than 3'],
      },
    });
  });

  it('documents its API with Swagger, with all files of the page', async () => {
    await expectPage(url);
    const { paths } = (await (await fetch(`${url}/api-json`)).json()) as { paths: object };
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/greetings', '/upload', '/health']));
  });

  it('answers GraphQL', async () => {
    const query = '{ author(id: 1) { id name } }';
    expect(await post(`${url}/graphql`, { query })).toEqual({
      status: 200,
      body: { data: { author: { id: 1, name: 'Ada' } } },
    });
  });

  it('takes an uploaded file', async () => {
    const body = new FormData();
    body.append('file', new Blob(['hello']), 'hello.txt');
    const answer = await ask(`${url}/upload`, { method: 'POST', body });
    expect(answer).toEqual({ status: 201, body: { name: 'hello.txt', bytes: 5 } });
  });

  it('lets in clients with a token only, and platforms without', async () => {
    expect(await ask(`${url}/profile`)).toEqual({ status: 200, body: { userId: 'Ada' } });
    const paths = ['/profile', '/health', '/health/ready', '/health/live', '/metrics'];
    const statuses = paths.map(async (path) => (await fetch(url + path)).status);
    expect(await Promise.all(statuses)).toEqual([401, 401, 200, 200, 200]);
  });

  it('limits how often a client may ask', async () => {
    const statuses: number[] = [];
    for (let time = 0; time < 3; time++) statuses.push((await ask(`${url}/limited`)).status);
    expect(statuses).toEqual([200, 200, 429]);
  });

  it('serves static files', async () => {
    const page = await fetch(`${url}/static/index.html`);
    expect([page.status, await page.text()]).toEqual([200, '<!doctype html><title>A page</title>\n']);
  });

  it('computes in a worker thread', async () => {
    expect(await ask(`${url}/fibonacci/10`)).toEqual({ status: 200, body: { result: 55 } });
  });

  it('calls a native addon', async () => {
    expect(await post(`${url}/passwords`, { password: 'hello' })).toEqual({ status: 201, body: { matches: true } });
  });

  it("has what it counts for Prometheus among the service's metrics", async () => {
    await ask(`${url}/counted`);
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toMatch(/^greetings_total 1$/m);
    expect(text).toMatch(/^http_server_request_duration_seconds_count\{.*http_route="\/counted".*\} 1$/m);
    expect(text).toMatch(/^process_cpu_seconds_total \d/m);
  });

  it('drains, logs that by winston, and ends with status 0', async () => {
    const slowly = ask(`${url}/fibonacci/32`);
    await ask(`${url}/fibonacci/1`); // The service has read the request before.
    service.kill('SIGTERM');
    expect(await slowly).toEqual({ status: 200, body: { result: 2178309 } });
    expect(await service.exit).toEqual(ENDED_WELL);
    expect(service.stdout).toMatch(/\[Fork\].*Done: every request is answered/);
  });

  describe('keeps the contract of', () => {
    // What it refuses is the sample's own.
    const { binding, ending } = GROUPS;
    declareContract(
      program('the fork', () => built),
      { binding, ending },
    );
  });
});

forks('a fork with other transports and a queue', () => {
  describeWithRedis()('on Redis', () => {
    let built: { program: string };
    let env: Record<string, string>;

    beforeAll(async () => {
      built = buildFork(['tcp', 'redis'], MESSAGES_FORK);
      env = { REDIS_PORT: String(await startRedis()), DRAIN_DELAY_MS: '0' };
    });

    it('answers messages over TCP, and at SIGTERM those in flight', async () => {
      const TCP_PORT = await freePort();
      const { service } = await start({ ...env, TCP_PORT: String(TCP_PORT) }, built);
      const message = async (pattern: string) => {
        const text = JSON.stringify({ pattern, data: [1, 2], id: 'an id' });
        const socket = connect(TCP_PORT, '127.0.0.1', () => socket.write(`${text.length}#${text}`));
        const [answer] = (await once(socket, 'data')) as [Buffer];
        return JSON.parse(answer.toString().replace(/^\d+#/, '')) as unknown;
      };
      const sum = { id: 'an id', response: 3, isDisposed: true };
      expect(await message('sum')).toEqual(sum);
      const slowly = message('slow sum');
      await message('sum'); // The service has read the message before.
      service.kill('SIGTERM');
      expect(await slowly).toEqual(sum);
      expect(await service.exit).toEqual(ENDED_WELL);
      expect(service.stderr).toBe('');
    });

    it('hears events over Redis', async () => {
      const { service, url } = await start({ ...env, TCP_PORT: String(await freePort()) }, built);
      const event = JSON.stringify(JSON.stringify({ pattern: 'mail', data: 'Ada' }));
      connect(Number(env['REDIS_PORT']), '127.0.0.1').end(`PUBLISH mail ${event}\r\n`);
      while (!(await mails(url)).heard.includes('Ada')) await delay(20);
      expect((await mails(url)).heard).toEqual(['Ada']);
      service.kill('SIGTERM');
      expect(await service.exit).toEqual(ENDED_WELL); // It would take the next test's job.
    });

    it('finishes at SIGTERM the job of BullMQ that it has begun', async () => {
      const { service, url } = await start({ ...env, TCP_PORT: String(await freePort()) }, built);
      expect((await post(`${url}/mails`, { to: 'Ada' })).status).toBe(201);
      while ((await mails(url)).begun.length === 0) await delay(20);
      service.kill('SIGTERM');
      expect(await service.exit).toEqual(ENDED_WELL);
      expect(service.log.map(({ message }) => message)).toContain('Sent to Ada');
      expect(service.stderr).toBe('');
    });
  });
});

/** What the fork has heard and begun. */
async function mails(url: string) {
  return (await ask(`${url}/mails`)).body as { begun: string[]; heard: string[] };
}

forks('a fork with pino', () => {
  it('has every line from that: the start, the drain, and those of requests', async () => {
    const PORT = await freePort();
    const service = run({ PORT: String(PORT), DRAIN_DELAY_MS: '0' }, buildFork(['pino'], PINO_FORK));
    await service.accepting(PORT);
    expect(await (await fetch(`http://127.0.0.1:${PORT}/greeting`)).json()).toEqual({ text: 'hello' });
    service.kill('SIGTERM');
    expect(await service.exit).toEqual(ENDED_WELL);
    expect(service.log).toEqual(service.log.map(() => expect.objectContaining({ hostname: expect.any(String) })));
    expect(service.log.map(({ msg }) => msg)).toEqual(
      expect.arrayContaining([
        `Listening on port ${PORT}`,
        'greeted',
        'request completed',
        'SIGTERM: draining',
        'Done: every request is answered',
      ]),
    );
  });
});

forks('a fork', () => {
  describeWithDocker()('as an image', () => {
    it('ships unbundled, says why and what that costs, and traced by OpenTelemetry has a span per request, the last one too', async () => {
      const spans: Span[] = [];
      const collector = createServer(async (request, response) => {
        const body = Buffer.concat(await request.toArray()).toString();
        const { resourceSpans } = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
        spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
        response.end('{}');
      }).listen(0);
      const packages = [
        '@nestjs/swagger',
        'class-transformer',
        'class-validator',
        '@opentelemetry/exporter-trace-otlp-http',
        '@opentelemetry/instrumentation',
        '@opentelemetry/instrumentation-express',
        '@opentelemetry/instrumentation-http',
        '@opentelemetry/instrumentation-nestjs-core',
        '@opentelemetry/sdk-node',
      ];
      const { image, output } = buildForkImage(['greetings', 'opentelemetry'], packages, SWAGGER);
      expect(output).toMatch(/^Not bundled because .*: starts take about \w+ times as long/m);
      const env = {
        PORT: '0',
        DRAIN_DELAY_MS: '0',
        NODE_OPTIONS: '--import ./dist/opentelemetry/instrumentation.js',
        OTEL_LOGS_EXPORTER: 'none',
        OTEL_METRICS_EXPORTER: 'none',
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
      };
      const container = Container.run(env, ['--network', 'host'], image);
      const url = `http://127.0.0.1:${await container.listening()}`;
      await expectPage(url);
      expect((await fetch(`${url}/greetings/Ada`)).status).toBe(200);
      container.kill('SIGTERM');
      expect(await container.exit).toEqual(ENDED_WELL);
      collector.close();
      const requests = spans.filter(({ kind }) => kind === SERVER);
      expect(requests.length).toBeGreaterThan(4); // the page, its files, and
      const last = requests.find(({ name }) => name === 'GET /greetings/:name')!;
      expect(last.attributes).toContainEqual({ key: 'http.route', value: { stringValue: '/greetings/:name' } });
    });
  });
});

interface Span {
  kind: number;
  name: string;
  attributes: object[];
}

async function expectPage(url: string): Promise<void> {
  const page = await (await fetch(`${url}/api`)).text();
  const files = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => new URL(file!, `${url}/api`).href);
  expect(files.length).toBeGreaterThan(3);
  expect(await Promise.all(files.map(async (file) => [file, (await fetch(file)).status]))).toEqual(
    files.map((file) => [file, 200]),
  );
}
