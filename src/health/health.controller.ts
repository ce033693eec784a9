import type { IncomingMessage } from 'node:http';
import { Controller, Get, Header, VERSION_NEUTRAL } from '@nestjs/common';
import { type HealthCheckResult, HealthCheckService } from '@nestjs/terminus';
import { PortBinding } from 'port-binding/nest';
import { BoundAddressHealth } from './bound-address.health.js';
import { ReadinessHealth } from './readiness.health.js';

/** Where platforms ask how the service is: they are told these paths once. */
const PATH = 'health';

/** Recognises requests for `/health`, and for what is below it. */
export function isHealth({ url = '' }: Pick<IncomingMessage, 'url'>): boolean {
  return url.startsWith(`/${PATH}`) && /^[/?]?$/.test(url.charAt(PATH.length + 1));
}

// Whatever version of an API the service has: platforms are told these paths once.
@Controller({ path: PATH, version: VERSION_NEUTRAL })
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly boundAddress: BoundAddressHealth,
    private readonly readiness: ReadinessHealth,
    private readonly portBinding: PortBinding,
  ) {}

  /** For people: the bound address among the details, and the bound port where `jq .port` finds it. */
  @Get()
  @Header('Cache-Control', 'no-store')
  async overview(): Promise<HealthCheckResult & { port: number }> {
    const result = await this.health.check([() => this.boundAddress.check()]);
    return { ...result, port: this.portBinding.address.port };
  }

  /** Readiness, for load balancers: may this instance get new requests? */
  @Get('ready')
  @Header('Cache-Control', 'no-store')
  ready(): Promise<HealthCheckResult> {
    return this.health.check([() => this.readiness.check()]);
  }

  /** Liveness, for supervisors: it depends on nothing, as a restart mends nothing that lies outside the process. */
  @Get('live')
  @Header('Cache-Control', 'no-store')
  live(): HealthCheckResult {
    return { status: 'ok', info: {}, error: {}, details: {} };
  }
}
