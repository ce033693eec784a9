import { Injectable } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { PortBinding } from 'port-binding/nest';

@Injectable()
export class BoundAddressHealth {
  constructor(
    private readonly indicator: HealthIndicatorService,
    private readonly portBinding: PortBinding,
  ) {}

  check() {
    return this.indicator.check('http').up({ ...this.portBinding.address });
  }
}
