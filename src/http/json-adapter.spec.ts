import { once } from 'node:events';
import { type IncomingMessage, type Server, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import {
  BadRequestException,
  Body,
  Controller,
  Get,
  type INestApplication,
  Module,
  Param,
  Post,
  Query,
  Redirect,
  Res,
  StreamableFile,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import type { Response } from 'express';
import { JsonAdapter } from './json-adapter.js';

class Point {
  private readonly x = 1;
  toJSON() {
    return { x: this.x, y: undefined };
  }
}

const cycle: Record<string, unknown> = {};
cycle['self'] = cycle;

const results: Record<string, () => unknown> = {
  object: () => ({ text: 'Grüße, 世界 <&>\u2028', nested: { list: [1, null, undefined] }, gone: undefined }),
  array: () => [1, 2, 3],
  empty: () => ({}),
  long: () => ({ text: 'ü'.repeat(100_000) }),
  instance: () => new Point(),
  date: () => new Date(0),
  map: () => new Map([[1, 2]]),
  promise: () => Promise.resolve({ a: 1 }),
  bytes: () => Buffer.from('bytes'),
  nothing: () => undefined,
  null: () => null,
  string: () => 'text',
  number: () => 5,
  boolean: () => false,
  file: () => new StreamableFile(Readable.from(['file']), { type: 'text/csv', length: 4 }),
  cycle: () => cycle,
  bigint: () => ({ large: 1n }),
  unserializable: () => ({ toJSON: () => undefined }),
  error: () => new Error('returned'),
};

@Controller()
class Results {
  @Get('results/:name')
  result(
    @Param('name') name: string,
    @Query() { status = '200', ...headers }: Record<string, string>,
    @Res({ passthrough: true }) response: Response,
  ) {
    response.status(Number(status)).set(headers);
    return results[name]!();
  }

  @Post('created')
  create(@Body() body: unknown) {
    return { body };
  }

  @Get('moved')
  @Redirect('/results/object')
  redirect() {}

  @Get('refused')
  refuse() {
    throw new BadRequestException({ custom: 'body' });
  }

  @Get('broken')
  fail() {
    throw new Error('broken');
  }

  @Get('express')
  express(@Res() response: Response) {
    response.json({ by: 'Express' });
  }

  @Get('request')
  describe(@Res({ passthrough: true }) { req }: Response) {
    return { ip: req.ip, host: req.hostname, protocol: req.protocol, json: req.accepts('json'), query: req.query };
  }
}

@Module({ controllers: [Results] })
class ResultsModule {}

let ours: INestApplication<Server>;
let plain: INestApplication<Server>;

async function serve(
  adapter: ExpressAdapter,
  setUp?: (app: NestExpressApplication) => unknown,
): Promise<INestApplication<Server>> {
  const app = await NestFactory.create<NestExpressApplication>(ResultsModule, adapter, { logger: false });
  app.disable('x-powered-by').disable('etag');
  setUp?.(app);
  await app.listen(0, '127.0.0.1');
  return app;
}

beforeAll(async () => {
  [ours, plain] = await Promise.all([serve(new JsonAdapter()), serve(new ExpressAdapter())]);
});

afterAll(() => Promise.all([ours.close(), plain.close()]));

async function answer(app: INestApplication<Server>, method: string, path: string, headers = {}, body = '') {
  const { port } = app.getHttpServer().address() as AddressInfo;
  const sent = request({ port, host: '127.0.0.1', method, path, headers: { Host: 'test', ...headers }, agent: false });
  const [response] = (await once(sent.end(body), 'response')) as [IncomingMessage];
  const { statusCode, statusMessage, rawHeaders } = response;
  // In their order, and as they were spelled.
  const date = rawHeaders.indexOf('Date');
  if (date >= 0) rawHeaders.splice(date, 2);
  return { statusCode, statusMessage, rawHeaders, body: await text(response) };
}

const modified = encodeURIComponent(new Date(0).toUTCString());
const json = { 'Content-Type': 'application/json' };

const asked: [string, string, object?, string?][] = [
  ...Object.keys(results).flatMap((name) =>
    ['GET', 'HEAD'].map((method): [string, string] => [method, `/results/${name}`]),
  ),
  ...[201, 204, 205, 304, 404, 418, 500, 99].map(
    (status) => ['GET', `/results/object?status=${status}`] as [string, string],
  ),
  ['GET', '/results/error?status=502'],
  ['GET', '/results/object?Content-Type=text/html'],
  ['GET', '/results/object?Content-Type=text/html&status=400'],
  ['GET', '/results/object?Content-Type=application/problem%2Bjson'],
  ['GET', '/results/object?Content-Type=application/json'],
  ['GET', '/results/object?Cache-Control=no-store&X-Other=1'],
  ['GET', '/results/object?Content-Length=3'],
  ['GET', '/results/object?Transfer-Encoding=chunked'],
  ['GET', '/results/object?ETag="1"'],
  ['GET', '/results/object?ETag="1"', { 'If-None-Match': '"1"' }],
  ['HEAD', '/results/object?ETag="1"', { 'If-None-Match': '"1"' }],
  ['GET', '/results/object?ETag="1"', { 'If-None-Match': '"2"' }],
  ['GET', `/results/object?Last-Modified=${modified}`, { 'If-Modified-Since': new Date(0).toUTCString() }],
  ['GET', '/results/object', { Connection: 'close' }],
  ['OPTIONS', '/results/object'],
  ['POST', '/created', json, '{"a":"ü"}'],
  ['POST', '/created', json, '{'],
  ['POST', '/created', json, JSON.stringify('x'.repeat(200_000))],
  ['POST', '/created', { 'Content-Type': 'application/x-www-form-urlencoded' }, 'a=1&b[c]=2'],
  ['POST', '/created'],
  ['POST', '/created', { ...json, 'Content-Length': '0' }],
  ['POST', '/created', { ...json, 'Transfer-Encoding': 'chunked' }, '{"a":1}'],
  ['POST', '/created', { 'Content-Type': 'text/plain' }, 'text'],
  ['GET', '/moved'],
  ['GET', '/refused'],
  ['GET', '/broken'],
  ['GET', '/express'],
  ['GET', '/request?a=1', { Accept: 'application/json' }],
  ['GET', '/absent'],
  ['HEAD', '/absent'],
  ['POST', '/absent'],
];

it.each(asked.map(([method, path, headers = {}, body = '']) => [method, path, headers, body] as const))(
  "answers as Nest's own adapter does, header by header: %s %s %j",
  async (...question) => {
    expect(await answer(ours, ...question)).toEqual(await answer(plain, ...question));
  },
);

it('answers a reader with If-None-Match: * in full, because that header is for clients that write', async () => {
  const question = ['GET', '/results/object', { 'If-None-Match': '*' }] as const;
  expect(await answer(plain, ...question)).toMatchObject({ statusCode: 304 });
  expect(await answer(ours, ...question)).toEqual(await answer(ours, 'GET', '/results/object'));
});

it('leaves the parsing of bodies to what the program asks for', async () => {
  const own = await serve(new JsonAdapter(), (app) => app.useBodyParser('json', { limit: 300_000 }));
  const long = JSON.stringify(['x'.repeat(200_000)]);
  expect(await answer(own, 'POST', '/created', json, long)).toMatchObject({
    statusCode: 201,
    body: `{"body":${long}}`,
  });
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
  expect(await answer(own, 'POST', '/created', form, 'a=1')).toMatchObject({ body: '{"body":{"a":"1"}}' });
  await own.close();
});

it('has neither ETags nor the name of its framework in its answers', async () => {
  const { rawHeaders } = await answer(ours, 'GET', '/results/string');
  expect(rawHeaders.filter((_, i) => i % 2 === 0)).toEqual(['Content-Type', 'Content-Length', 'Connection']);
});
