import { hostname } from 'node:os';
import { Controller, Get, VERSION_NEUTRAL } from '@nestjs/common';
import { name, version } from '../package-json.js';
import { PortBinding } from '../port-binding/port-binding.js';

/** Which instance answered: enough to see a load balancer at work. */
interface Instance {
  name: string;
  version: string;
  /** Host name: the container's or the Pod's, where there is one. */
  instance: string;
  pid: number;
  /** The bound port. */
  port: number;
  /** Seconds since the process started. */
  uptime: number;
}

@Controller({ version: VERSION_NEUTRAL })
export class InstanceController {
  private readonly instance = hostname();

  constructor(private readonly portBinding: PortBinding) {}

  @Get()
  describe(): Instance {
    return {
      name,
      version,
      instance: this.instance,
      pid: process.pid,
      port: this.portBinding.address.port,
      uptime: Math.floor(process.uptime()),
    };
  }
}
