import 'reflect-metadata';
import { buffer } from 'node:stream/consumers';
import { Controller, Get, Inject, Module, Post, Req, ServiceUnavailableException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Drain, PortBindingModule, serve } from 'port-binding/nest';

class AppController {
  constructor(drain) {
    this.drain = drain;
  }
  get() {
    return 'ok';
  }
  async post(request) {
    const { body = request } = request;
    return body.pipe ? String((await buffer(body)).length) : 'parsed';
  }
  ready() {
    if (this.drain.phase !== 'serving') throw new ServiceUnavailableException();
    return 'ok';
  }
}
Controller()(AppController);
Inject(Drain)(AppController, undefined, 0);
Get('ready')(AppController.prototype, 'ready', Object.getOwnPropertyDescriptor(AppController.prototype, 'ready'));
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
const { PORT, DRAIN_DELAY_MS } = process.env;
const { port } = await serve(app, { port: Number(PORT), drainDelayMs: Number(DRAIN_DELAY_MS) });
console.log(`port ${port}`);
