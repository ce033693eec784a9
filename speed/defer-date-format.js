/**
 * A loader for Nest's two loggers, which make an `Intl.DateTimeFormat` while they load. That reads the locale data of
 * ICU, a twelfth of the CPU time of a start and a tenth of its memory, for a text format that JSON logs never use. Here
 * it is made for the first text that is logged.
 */
export default function deferDateFormat(source) {
  const deferred = source.replace(
    /const dateTimeFormatter = (new Intl\.DateTimeFormat\([^)]*\));/,
    'let formatter; const dateTimeFormatter = { format: (date) => (formatter ??= $1).format(date) };',
  );
  if (deferred === source)
    throw new Error('Nest makes its date format in another way now: see speed/defer-date-format.js');
  return deferred;
}
