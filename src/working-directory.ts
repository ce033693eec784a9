/**
 * Ends the process when its working directory has been deleted. Imported before what asks for that directory while it
 * loads, and would end in a stack trace. To a program given by a relative path Node itself does that, even earlier.
 */
try {
  process.cwd();
} catch {
  process.stderr.write('The working directory is gone: start the service in one that exists.\n');
  process.exit(1);
}
