import { hostname } from 'node:os';
import { Injectable } from '@nestjs/common';

@Injectable()
export class AppService {
  port?: number;
  private readonly instance = hostname();

  describe() {
    return {
      name: 'port-binding-service',
      version: '0.1.0',
      revision: 'unknown',
      instance: this.instance,
      pid: process.pid,
      port: this.port,
      phase: 'serving',
      uptime: Math.floor(process.uptime()),
    };
  }

  live() {
    return { status: 'ok', info: {}, error: {}, details: {} };
  }
}
