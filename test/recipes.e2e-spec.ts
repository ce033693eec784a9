import { expect, it } from '@jest/globals';
import { buildFork, describeWithForks } from './support/fork.js';
import { start } from './support/service.js';

const VALIDATION = {
  lines: 'app.useGlobalPipes(new ValidationPipe({ transform: true }));',
  imports: "import { ValidationPipe } from '@nestjs/common';\n",
};

const SWAGGER = {
  lines: `SwaggerModule.setup('api', app, () => SwaggerModule.createDocument(app, new DocumentBuilder().build()));`,
  imports: "import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';\n",
};

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
    const page = await (await fetch(`${url}/api`)).text();
    const files = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => new URL(file!, `${url}/api`).href);
    expect(files.length).toBeGreaterThan(3);
    expect(await Promise.all(files.map(async (file) => [file, (await fetch(file)).status]))).toEqual(
      files.map((file) => [file, 200]),
    );
    const { paths } = (await (await fetch(`${url}/api-json`)).json()) as { paths: object };
    expect(Object.keys(paths).toSorted()).toEqual(['/', '/greetings', '/health', '/health/live', '/health/ready']);
  });
});
