import { hostname } from 'node:os';
import { expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import packageJson from '../../package.json' with { type: 'json' };
import { PortBinding } from '../port-binding/port-binding.js';
import { InstanceController } from './instance.controller.js';

it('describes the instance by the port that it is bound to', async () => {
  const module = await Test.createTestingModule({
    controllers: [InstanceController],
    providers: [{ provide: PortBinding, useValue: { address: { port: 54321 } } }],
  }).compile();
  expect(module.get(InstanceController).describe()).toEqual({
    name: packageJson.name,
    version: packageJson.version,
    instance: hostname(),
    pid: process.pid,
    port: 54321,
    uptime: expect.any(Number),
  });
});
