import { Injectable, type OnModuleInit } from '@nestjs/common';
import { type HealthCheckResult, HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import { Drain, PlatformRoutes, json } from 'port-binding/nest';
import { LIVE, READY } from './paths.js';

/** Answers what platforms ask of an instance. */
@Injectable()
export class Probes implements OnModuleInit {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicator: HealthIndicatorService,
    private readonly drain: Drain,
    private readonly routes: PlatformRoutes,
  ) {}

  onModuleInit(): void {
    this.routes.get(READY, async () => json(await this.ready()));
    this.routes.get(LIVE, () => json(this.live()));
  }

  /** Readiness, for load balancers: may this instance get new requests? */
  ready(): Promise<HealthCheckResult> {
    return this.health.check([() => this.serving()]);
  }

  /** Liveness, for supervisors. It depends on nothing, because a restart mends nothing outside the process. */
  live(): HealthCheckResult {
    return { status: 'ok', info: {}, error: {}, details: {} };
  }

  private serving() {
    const instance = this.indicator.check('instance');
    return this.drain.phase === 'serving' ? instance.up() : instance.down('draining');
  }
}
