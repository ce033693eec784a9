import { expect, it } from '@jest/globals';
import { OrderOfUse, Used } from './order-of-use.js';

class Named extends Used {
  constructor(readonly name: string) {
    super();
  }
}

it('holds the one that was used last at its end, however often each was used before', () => {
  const order = new OrderOfUse<Named>();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => new Named(name));
  for (const one of [a, b, c, a, a, b]) order.use(one!);
  expect([...order].map(({ name }) => name)).toEqual(['c', 'a', 'b']);
});

it('holds no longer what was removed, once or twice', () => {
  const order = new OrderOfUse<Named>();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => new Named(name));
  for (const one of [a, b, c]) order.use(one!);
  order.remove(b!);
  order.remove(b!);
  expect([...order].map(({ name }) => name)).toEqual(['a', 'c']);
  for (const one of [a, c]) order.remove(one!);
  expect([...order]).toEqual([]);
});
