import { Controller, Get, Header, VERSION_NEUTRAL } from '@nestjs/common';
import { type HealthCheckResult, HealthCheckService } from '@nestjs/terminus';
import { PortBinding } from 'port-binding/nest';
import { BoundAddressHealth } from './bound-address.health.js';
import { HEALTH } from './paths.js';

/** For people. Platforms ask `Probes`. */
@Controller({ path: HEALTH, version: VERSION_NEUTRAL })
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly boundAddress: BoundAddressHealth,
    private readonly portBinding: PortBinding,
  ) {}

  /** The bound address among the details, and the bound port where `jq .port` finds it. */
  @Get()
  @Header('Cache-Control', 'no-store')
  async overview(): Promise<HealthCheckResult & { port: number }> {
    const result = await this.health.check([() => this.boundAddress.check()]);
    return { ...result, port: this.portBinding.address.port };
  }
}
