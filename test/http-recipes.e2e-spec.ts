import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, type INestApplication, Module, Post, Req, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Request, Response } from 'express';
import { AppModule } from '../src/app.module.js';
import { JsonAdapter } from '../src/http/json-adapter.js';
import { Connection } from './support/connection.js';
import { start } from './support/service.js';

@Controller('recipe')
class RecipeController {
  @Get()
  client(@Req() { ip, protocol, hostname }: Request, @Res({ passthrough: true }) response: Response) {
    response.cookie('seen', '1', { httpOnly: true, sameSite: 'lax', secure: true });
    return { ip, protocol, hostname };
  }

  @Post()
  length(@Body() { text }: { text: string }) {
    return { length: text.length };
  }
}

@Module({ controllers: [RecipeController] })
class RecipeModule {}

let app: INestApplication;

/** A fork with these lines in `main.ts`, before `serve()`. */
async function fork(lines: (app: NestExpressApplication) => unknown = () => undefined): Promise<string> {
  const module = { module: AppModule, imports: [RecipeModule] };
  const created = await NestFactory.create<NestExpressApplication>(module, new JsonAdapter(), { logger: false });
  lines(created);
  app = created;
  await app.listen(0, '127.0.0.1');
  return `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}/recipe`;
}

describe('a fork', () => {
  afterEach(async () => app.close());

  const forwarded = {
    'X-Forwarded-For': '192.0.2.1, 198.51.100.7',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'example.com',
  };

  it('does not believe what a request says of its client', async () => {
    const response = await fetch(await fork(), { headers: forwarded });
    expect(await response.json()).toEqual({ ip: '127.0.0.1', protocol: 'http', hostname: '127.0.0.1' });
  });

  it("with `trust proxy` takes the client's address, scheme and host from one proxy in front", async () => {
    const url = await fork((created) => created.set('trust proxy', 1));
    const response = await fetch(url, { headers: forwarded });
    expect(await response.json()).toEqual({ ip: '198.51.100.7', protocol: 'https', hostname: 'example.com' });
  });

  it('with CORS lets the named origin read, and answers its preflight', async () => {
    const url = await fork((created) => created.enableCors({ origin: 'https://app.example', maxAge: 600 }));
    const headers = { Origin: 'https://app.example', 'Access-Control-Request-Method': 'POST' };
    const preflight = await fetch(url, { method: 'OPTIONS', headers });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('Access-Control-Allow-Origin')).toBe('https://app.example');
    expect(preflight.headers.get('Access-Control-Allow-Methods')).toContain('POST');
    const response = await fetch(url, { headers });
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('https://app.example');
  });

  it('without CORS lets no other origin read', async () => {
    const response = await fetch(await fork(), { headers: { Origin: 'https://app.example' } });
    expect(response.headers.get('Access-Control-Allow-Origin')).toBeNull();
  });

  it('sets a cookie that scripts and plain HTTP do not get', async () => {
    const response = await fetch(await fork());
    expect(response.headers.get('Set-Cookie')).toBe('seen=1; Path=/; HttpOnly; Secure; SameSite=Lax');
  });

  it.each([
    ['by default', 413, undefined],
    ['with a limit of 1 MB', 201, '1mb'],
  ])('answers a body of 500 kB %s with %i', async (_, expected, limit) => {
    const url = await fork((created) => limit && created.useBodyParser('json', { limit }));
    const headers = { 'Content-Type': 'application/json' };
    const body = JSON.stringify({ text: 'x'.repeat(500_000) });
    expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(expected);
  });
});

/** Sends these bytes, and gives the status of what comes back. */
async function status(port: number, bytes: string): Promise<number> {
  const connection = (await Connection.open(port)).send(bytes);
  await connection.end;
  return Number(/^HTTP\/1\.1 (\d+)/.exec(connection.received)?.[1]);
}

const get = (...headers: string[]) =>
  ['GET /health/live HTTP/1.1', 'Host: test', 'Connection: close', ...headers, '', ''].join('\r\n');

describe('the program', () => {
  it('answers 431 to a header of 20 kB, unless Node gets --max-http-header-size', async () => {
    const header = get(`Cookie: ${'x'.repeat(20_000)}`);
    expect(await status((await start()).port, header)).toBe(431);
    const { port } = await start({ NODE_OPTIONS: '--max-http-header-size=32768' });
    expect(await status(port, header)).toBe(200);
  });

  it.each([
    ['version 1', 'PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n'],
    ['version 2', '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\xdc\x04\x01\xbb'],
  ])('answers 400 to the PROXY protocol, %s', async (_, line) => {
    expect(await status((await start()).port, line + get())).toBe(400);
  });

  it('answers an upgrade to HTTP/2 in HTTP/1.1, and 400 to HTTP/2 without one', async () => {
    const { port } = await start();
    const upgrade = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'];
    const connection = (await Connection.open(port)).send(
      ['GET /health/live HTTP/1.1', 'Host: test', ...upgrade, '', ''].join('\r\n'),
    );
    expect(await connection.answers()).toMatchObject([{ status: 200 }]);
    connection.close();
    expect(await status(port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toBe(400);
  });
});
