import 'reflect-metadata';
import { buffer } from 'node:stream/consumers';
import { Controller, Get, Module, Post, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { PortBindingModule, serve } from 'port-binding/nest';

class AppController {
  get() {
    return 'ok';
  }
  async post(request) {
    return String((await buffer(request.body ?? request)).length);
  }
}
Controller()(AppController);
Get()(AppController.prototype, 'get', Object.getOwnPropertyDescriptor(AppController.prototype, 'get'));
Post()(AppController.prototype, 'post', Object.getOwnPropertyDescriptor(AppController.prototype, 'post'));
Req()(AppController.prototype, 'post', 0);

class AppModule {}
Module({ imports: [PortBindingModule], controllers: [AppController] })(AppModule);

/** The adapter that the first argument names. */
function adapter() {
  if (process.argv[2] !== 'fastify') return new ExpressAdapter();
  const fastify = new FastifyAdapter();
  fastify.getInstance().addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  return fastify;
}

const app = await NestFactory.create(AppModule, adapter(), { logger: false });
const { port } = await serve(app, { port: 0, drainDelayMs: Number(process.env.DRAIN_DELAY_MS) });
console.log(`port ${port}`);
