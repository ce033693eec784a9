import { setTimeout as delay } from 'node:timers/promises';
import { BadRequestException, Controller, Get, Param, VERSION_NEUTRAL } from '@nestjs/common';

/** The longest that one can ask for, in seconds, as httpbin has it: longer would outlast the shutdown timeout anyway. */
const MAX_SECONDS = 10;

/** A slow request, for whoever wants to see the drain at work. */
@Controller({ path: 'delay', version: VERSION_NEUTRAL })
export class DelayController {
  /** @param text seconds in plain digits, with decimals or without */
  @Get(':seconds')
  async answerLater(@Param('seconds') text: string): Promise<{ delay: number }> {
    const seconds = Number(text);
    if (!/^\d+(\.\d+)?$/.test(text) || seconds > MAX_SECONDS) {
      throw new BadRequestException(`The delay must be a number of seconds from 0 to ${MAX_SECONDS}, such as 2.5`);
    }
    await delay(seconds * 1000);
    return { delay: seconds };
  }
}
