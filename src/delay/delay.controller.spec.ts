import { BadRequestException } from '@nestjs/common';
import { expect, it } from '@jest/globals';
import { DelayController } from './delay.controller.js';

const controller = new DelayController();

it.each(['0', '0.0', '0.01', '00.01'])('answers after %s seconds, and says how long that was', async (seconds) => {
  const began = performance.now();
  expect(await controller.answerLater(seconds)).toEqual({ delay: Number(seconds) });
  expect(performance.now() - began).toBeGreaterThanOrEqual(Number(seconds) * 1000 - 1); // timers round down
});

it.each(['10.01', '11', '-1', '1e1', '0x1', 'Infinity', 'NaN', '1s', ' 1', '.5', '1.', ''])(
  'refuses "%s" at once',
  async (seconds) => {
    await expect(controller.answerLater(seconds)).rejects.toThrow(
      new BadRequestException('The delay must be a number of seconds from 0 to 10, such as 2.5'),
    );
  },
);
