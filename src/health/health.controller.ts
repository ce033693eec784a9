import { Controller, Get, Header, VERSION_NEUTRAL } from '@nestjs/common';
import { type HealthCheckResult, HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import { PortBinding } from 'port-binding/nest';
import { HEALTH } from './paths.js';

/** For people. Platforms ask `Probes`. */
@Controller({ path: HEALTH, version: VERSION_NEUTRAL })
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicator: HealthIndicatorService,
    private readonly portBinding: PortBinding,
  ) {}

  /** The bound address among the details, and the bound port where `jq .port` finds it. */
  @Get()
  @Header('Cache-Control', 'no-store')
  async overview(): Promise<HealthCheckResult & { port: number }> {
    const { address } = this.portBinding;
    const result = await this.health.check([() => this.indicator.check('http').up({ ...address })]);
    return { ...result, port: address.port };
  }
}
