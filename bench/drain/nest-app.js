import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';

/** The routes of every contestant, on Nest. Its decorators are called by hand, because JavaScript has none for Nest. */
export class AppController {
  root() {
    return { hello: 'world' };
  }

  notAllowed() {}

  async delay(seconds) {
    await delay(1000 * seconds);
    return { seconds };
  }
}

Controller()(AppController);
decorate(AppController, 'root', Get());
decorate(AppController, 'notAllowed', Post());
decorate(AppController, 'notAllowed', HttpCode(405));
decorate(AppController, 'delay', Get('delay/:seconds'));
Param('seconds')(AppController.prototype, 'delay', 0);

/** Applies a decorator to a method. */
export function decorate({ prototype }, method, decorator) {
  decorator(prototype, method, Object.getOwnPropertyDescriptor(prototype, method));
}
