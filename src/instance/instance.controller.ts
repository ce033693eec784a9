import type { ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import { Controller, Get, Header, Req, Res, StreamableFile, VERSION_NEUTRAL } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Request } from 'express';
import { Drain, PortBinding } from 'port-binding/nest';
import type { Environment } from '../environment.js';
import { name, version } from './package-json.js';
import { readPage } from './page.js';

/** Not named `Request`: decorator metadata would refer to the global of that name, and Node would load all of fetch(). */
type HttpRequest = Pick<Request, 'accepts' | 'headers'>;

@Controller({ version: VERSION_NEUTRAL })
export class InstanceController {
  private readonly instance = hostname();
  private readonly revision: string;
  private page: ReturnType<typeof readPage> | undefined;

  constructor(
    private readonly portBinding: PortBinding,
    private readonly drain: Drain,
    config: ConfigService<Environment, true>,
  ) {
    this.revision = config.get('REVISION', { infer: true });
  }

  /** Answers programs with JSON, and browsers with a page that shows which instances answer. */
  @Get()
  @Header('Cache-Control', 'no-store')
  @Header('Vary', 'Accept')
  show(@Req() request: HttpRequest, @Res({ passthrough: true }) response: ServerResponse) {
    // Browsers name text/html. Programs that accept anything get JSON.
    const wantsPage = request.headers.accept?.includes('text/html') && request.accepts('json', 'html') === 'html';
    return wantsPage ? this.showPage(response) : this.describe();
  }

  private showPage(response: ServerResponse): StreamableFile {
    const { html, policy } = (this.page ??= readPage());
    response.setHeader('Content-Security-Policy', policy);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    return new StreamableFile(html, { type: 'text/html; charset=utf-8', length: html.length });
  }

  /** The instance that answered, in enough detail to watch a load balancer at work. */
  private describe() {
    return {
      name,
      version,
      revision: this.revision,
      // In a container or a Pod, the host name is different for each instance.
      instance: this.instance,
      pid: process.pid,
      port: this.portBinding.address.port,
      phase: this.drain.phase,
      uptime: Math.floor(process.uptime()), // in seconds
    };
  }
}
