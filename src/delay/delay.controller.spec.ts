import { BadRequestException, ServiceUnavailableException } from '@nestjs/common';
import { beforeEach, expect, it, jest } from '@jest/globals';
import { DelayController } from './delay.controller.js';

const response = { setHeader: jest.fn<() => never>() };

let controller: DelayController;

beforeEach(() => {
  jest.clearAllMocks();
  controller = new DelayController();
});

it.each(['0', '0.0', '0.01', '00.01'])('answers after %s seconds, and says how long that was', async (seconds) => {
  const began = performance.now();
  expect(await controller.answerLater(seconds, response)).toEqual({ delay: Number(seconds) });
  expect(performance.now() - began).toBeGreaterThanOrEqual(Number(seconds) * 1000 - 1); // timers round down
});

it.each(['10.01', '11', '-1', '1e1', '0x1', 'Infinity', 'NaN', '1s', ' 1', '.5', '1.', ''])(
  'refuses "%s" at once',
  async (seconds) => {
    await expect(controller.answerLater(seconds, response)).rejects.toThrow(
      new BadRequestException('The delay must be a number of seconds from 0 to 10, such as 2.5'),
    );
  },
);

it('refuses a delay while 100 others run, and says when to try again', async () => {
  const delays = Array.from({ length: 100 }, () => controller.answerLater('0.1', response));
  await expect(controller.answerLater('0', response)).rejects.toThrow(
    new ServiceUnavailableException('At most 100 delays can run at once'),
  );
  expect(response.setHeader.mock.calls).toEqual([['Retry-After', 10]]);
  await Promise.all(delays);
  expect(await controller.answerLater('0', response)).toEqual({ delay: 0 });
});
