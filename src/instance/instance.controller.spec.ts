import type { ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import { expect, it } from '@jest/globals';
import { ConfigService } from '@nestjs/config';
import { Test } from '@nestjs/testing';
import type { Request } from 'express';
import { Drain, PortBinding } from 'port-binding/nest';
import packageJson from '../../package.json' with { type: 'json' };
import { InstanceController } from './instance.controller.js';

it('describes the instance by its bound port', async () => {
  const module = await Test.createTestingModule({
    controllers: [InstanceController],
    providers: [
      { provide: PortBinding, useValue: { address: { port: 54321 } } },
      { provide: Drain, useValue: { phase: 'draining' } },
      { provide: ConfigService, useValue: { get: () => 'abc1234' } },
    ],
  }).compile();
  const request = { headers: { accept: '*/*' } } as Request;
  expect(module.get(InstanceController).show(request, {} as ServerResponse)).toEqual({
    name: packageJson.name,
    version: packageJson.version,
    revision: 'abc1234',
    instance: hostname(),
    pid: process.pid,
    port: 54321,
    phase: 'draining',
    uptime: expect.any(Number),
  });
});
