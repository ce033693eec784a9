import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  type INestApplication,
  type MiddlewareConsumer,
  Module,
  NotFoundException,
  type OnModuleInit,
  Param,
  Patch,
  Post,
  VersioningType,
} from '@nestjs/common';
import { HttpAdapterHost, NestFactory } from '@nestjs/core';
import { methodNotAllowed } from './method-not-allowed.js';

@Controller('orders')
class OrdersController {
  @Get()
  list() {
    return [];
  }

  @Post()
  create() {
    return { id: 1 };
  }

  @Get(':id')
  find(@Param('id') id: string) {
    throw new NotFoundException(`No order ${id}`);
  }

  @Patch(':id')
  change() {
    return {};
  }
}

@Controller()
class RootController {
  @Get()
  root() {
    return {};
  }
}

@Module({ controllers: [RootController, OrdersController] })
class OrdersModule implements OnModuleInit {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  configure(consumer: MiddlewareConsumer): void {
    consumer.apply((_request: unknown, _response: unknown, next: () => void) => next()).forRoutes('{*path}');
  }

  onModuleInit(): void {
    this.adapterHost.httpAdapter.use(methodNotAllowed);
  }
}

/** Status, `Allow`, and the message of an error. */
async function ask(url: string, method: string) {
  const response = await fetch(url, { method });
  const body = await response.text();
  const { message } = (body.startsWith('{') ? JSON.parse(body) : {}) as { message?: string };
  return [response.status, response.headers.get('Allow'), message];
}

describe.each([
  ['', '', undefined],
  [' with a global prefix and versions', '/api/v1', '1'],
])('an application%s', (_, prefix, defaultVersion) => {
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    app = await NestFactory.create(OrdersModule, { logger: false });
    if (defaultVersion !== undefined) {
      app.setGlobalPrefix('api', { exclude: ['/'] });
      app.enableVersioning({ type: VersioningType.URI, defaultVersion });
    }
    await app.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  });

  afterAll(async () => app.close());

  it.each([
    ['/orders', 'GET, HEAD, POST, OPTIONS'],
    ['/orders/7?full=1', 'GET, HEAD, PATCH, OPTIONS'],
  ])('answers 405 for a method that %s lacks, and 204 to OPTIONS, with %s allowed', async (path, allow) => {
    expect(await ask(url + prefix + path, 'DELETE')).toEqual([405, allow, `Cannot DELETE ${prefix}${path}`]);
    expect(await ask(url + prefix + path, 'OPTIONS')).toEqual([204, allow, undefined]);
  });

  it('leaves to the routes what they handle, a 404 of their own too', async () => {
    expect(await ask(`${url}${prefix}/orders`, 'POST')).toEqual([201, null, undefined]);
    expect(await ask(`${url}${prefix}/orders`, 'HEAD')).toEqual([200, null, undefined]);
    expect(await ask(`${url}${prefix}/orders/7`, 'GET')).toEqual([404, null, 'No order 7']);
  });

  it.each(['GET', 'DELETE', 'OPTIONS'])('answers 404 to %s of a path that no route has', async (method) => {
    expect(await ask(`${url}${prefix}/customers`, method)).toEqual([404, null, expect.stringContaining('Cannot')]);
  });
});
