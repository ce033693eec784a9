import { hostname } from 'node:os';
import { Controller, Get, Header, Req, StreamableFile, VERSION_NEUTRAL } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Request } from 'express';
import { Drain, PortBinding } from 'port-binding/nest';
import type { Environment } from '../environment.js';
import { name, version } from '../package-json.js';
import { readPage } from '../page.js';

/** Which instance answered: enough to see a load balancer at work. */
interface Instance {
  name: string;
  version: string;
  /** The commit, where the build has told. */
  revision: string;
  /** Host name: the container's or the Pod's, where there is one. */
  instance: string;
  pid: number;
  /** The bound port. */
  port: number;
  phase: Drain['phase'];
  /** Seconds since the process started. */
  uptime: number;
}

/** By another name, as decorators' metadata would ask for the global `Request`, and Node load all of fetch() for that. */
type Asked = Pick<Request, 'accepts' | 'headers'>;

@Controller({ version: VERSION_NEUTRAL })
export class InstanceController {
  private readonly instance = hostname();

  private readonly revision: string;
  private page: Buffer | undefined;

  constructor(
    private readonly portBinding: PortBinding,
    private readonly drain: Drain,
    config: ConfigService<Environment, true>,
  ) {
    this.revision = config.get('REVISION', { infer: true });
  }

  /** JSON for programs; for people, whose browsers ask for HTML before all else, a page that shows who answers. */
  @Get()
  @Header('Vary', 'Accept')
  show(@Req() request: Asked): Instance | StreamableFile {
    const html = request.headers.accept?.includes('text/html') && request.accepts('json', 'html') === 'html';
    return html
      ? new StreamableFile((this.page ??= readPage()), { type: 'text/html; charset=utf-8' })
      : this.describe();
  }

  private describe(): Instance {
    return {
      name,
      version,
      revision: this.revision,
      instance: this.instance,
      pid: process.pid,
      port: this.portBinding.address.port,
      phase: this.drain.phase,
      uptime: Math.floor(process.uptime()),
    };
  }
}
