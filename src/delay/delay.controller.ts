import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import {
  BadRequestException,
  Controller,
  Get,
  Header,
  Param,
  Res,
  ServiceUnavailableException,
  VERSION_NEUTRAL,
} from '@nestjs/common';

/** The longest delay, in seconds, as in httpbin. By default, a drain may cut off those that take longer than 4 s. */
const MAX_SECONDS = 10;

/**
 * The most delays at once. A container of 128 MiB holds 1,024 connections: delays take at most a tenth of them, and
 * other requests have the rest.
 */
const MAX_DELAYS = 100;

/** A slow response, to watch a drain with. */
@Controller({ path: 'delay', version: VERSION_NEUTRAL })
export class DelayController {
  private delays = 0;

  /** @param text seconds in plain digits, with or without decimals */
  @Get(':seconds')
  @Header('Cache-Control', 'no-store')
  async answerLater(
    @Param('seconds') text: string,
    @Res({ passthrough: true }) response: Pick<ServerResponse, 'setHeader'>,
  ): Promise<{ delay: number }> {
    const seconds = Number(text);
    if (!/^\d+(\.\d+)?$/.test(text) || seconds > MAX_SECONDS) {
      throw new BadRequestException(`The delay must be a number of seconds from 0 to ${MAX_SECONDS}, such as 2.5`);
    }
    if (this.delays === MAX_DELAYS) {
      response.setHeader('Retry-After', MAX_SECONDS); // by then, every delay of now has ended
      throw new ServiceUnavailableException(`At most ${MAX_DELAYS} delays can run at once`);
    }
    this.delays++;
    await delay(seconds * 1000);
    this.delays--;
    return { delay: seconds };
  }
}
