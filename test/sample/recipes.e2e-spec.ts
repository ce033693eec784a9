import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, it } from '@jest/globals';
import { Container, describeWithDocker } from '../support/docker.js';
import { buildFork, buildForkImage, describeWithForks } from '../support/fork.js';
import { freePort } from '../support/free-port.js';
import { answering } from '../support/reachable.js';
import { run, start } from '../support/service.js';

const VALIDATION = {
  lines: 'app.useGlobalPipes(new ValidationPipe({ transform: true }));',
  imports: "import { ValidationPipe } from '@nestjs/common';\n",
};

const SWAGGER = {
  lines: `SwaggerModule.setup('api', app, () => SwaggerModule.createDocument(app, new DocumentBuilder().build()));`,
  imports: "import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';\n",
};

const HYBRID = {
  lines: `app.connectMicroservice({ transport: Transport.TCP, options: { port: config.get('TCP_PORT', { infer: true }) } });
    await app.startAllMicroservices();`,
  imports: "import { Transport } from '@nestjs/microservices';\n",
  edits: {
    'src/environment.ts': (text: string) =>
      text.replace('v.object({', "$&TCP_PORT: v.pipe(variable(isPort, 'a port'), v.transform(Number)),"),
  },
};

const OWN_LOGGER = {
  lines: 'app.useLogger(app.get(PinoLogger));',
  imports: "import { Logger as PinoLogger } from 'nestjs-pino';\n",
};

const ENDED_WELL = { code: 0, signal: null };

/** The kind of a span, as OpenTelemetry's protocol counts. */
const SERVER = 2;

async function post(url: string, body: object) {
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

describeWithForks()('a fork', () => {
  it.each([
    ['in the bundle', true],
    ['without the bundle', false],
  ])('that validates its DTOs says which field is wrong (%s)', async (_, bundle) => {
    const { url } = await start({}, buildFork(['greetings'], { ...VALIDATION, bundle }));
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

  it("that documents its API with Swagger's page is told by the build to go without the bundle", () => {
    expect(() => buildFork(['greetings'], SWAGGER)).toThrow(
      /@nestjs\/swagger\/.* cannot be bundled: .*The way out: "Without the bundle" in the README\./,
    );
  });

  it('that documents its API with Swagger has a page with all of its files, and the document, without the bundle', async () => {
    const { url } = await start({}, buildFork(['greetings'], { ...SWAGGER, bundle: false }));
    await expectPage(url);
    const { paths } = (await (await fetch(`${url}/api-json`)).json()) as { paths: object };
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/', '/greetings', '/health/ready', '/metrics']));
  });

  it('that also listens on TCP answers there, and at SIGTERM what is in flight there', async () => {
    const port = await freePort();
    const { service } = await start({ TCP_PORT: String(port), DRAIN_DELAY_MS: '0' }, buildFork(['tcp'], HYBRID));
    const ask = async (pattern: string) => {
      const message = JSON.stringify({ pattern, data: [1, 2], id: 'an id' });
      const socket = connect(port, '127.0.0.1', () => socket.write(`${message.length}#${message}`));
      const [answer] = (await once(socket, 'data')) as [Buffer];
      return JSON.parse(answer.toString().replace(/^\d+#/, '')) as unknown;
    };
    const sum = { id: 'an id', response: 3, isDisposed: true };
    expect(await ask('sum')).toEqual(sum);
    const slowly = ask('slow sum');
    await ask('sum'); // the service has read what was sent before it
    service.kill('SIGTERM');
    expect(await slowly).toEqual(sum);
    expect(await service.exit).toEqual(ENDED_WELL);
    expect(service.stderr).toBe('');
  });

  it("that counts something for Prometheus has it among the service's metrics", async () => {
    const { url } = await start({}, buildFork(['prometheus']));
    await fetch(`${url}/counted`);
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toMatch(/^greetings_total 1$/m);
    expect(text).toMatch(/^http_server_request_duration_seconds_count\{.*http_route="\/counted".*\} 1$/m);
    expect(text).toMatch(/^process_cpu_seconds_total \d/m);
  });

  it('with a logger of its own has every line from that: the start, the drain, and those of requests', async () => {
    const port = await freePort();
    const service = run({ PORT: String(port), DRAIN_DELAY_MS: '0' }, buildFork(['pino'], OWN_LOGGER));
    await answering(port);
    expect(await (await fetch(`http://127.0.0.1:${port}/greeting`)).json()).toEqual({ text: 'hello' });
    service.kill('SIGTERM');
    expect(await service.exit).toEqual(ENDED_WELL);
    expect(service.log).toEqual(service.log.map(() => expect.objectContaining({ hostname: expect.any(String) })));
    expect(service.log.map(({ msg }) => msg)).toEqual(
      expect.arrayContaining([
        `Listening on port ${port}`,
        'greeted',
        'request completed',
        'SIGTERM: draining',
        'Done: every request is answered',
      ]),
    );
  });

  describeWithDocker()('as an image', () => {
    it('without the bundle documents its API, and traced by OpenTelemetry has a span per request that tells its route, the last one too', async () => {
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
      const { image } = buildForkImage(['greetings', 'opentelemetry'], packages, { ...SWAGGER, bundle: false });
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
