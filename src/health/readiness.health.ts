import { Injectable } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { Drain } from 'port-binding/nest';

@Injectable()
export class ReadinessHealth {
  constructor(
    private readonly indicator: HealthIndicatorService,
    private readonly drain: Drain,
  ) {}

  check() {
    const instance = this.indicator.check('instance');
    return this.drain.phase === 'serving' ? instance.up() : instance.down('draining');
  }
}
