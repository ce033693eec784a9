/**
 * Ends the process when its working directory has been deleted. Imported before what asks for that directory while it
 * loads, and would end in a stack trace. For a program that is started by a relative path, Node itself fails even earlier.
 */
try {
  process.cwd();
} catch {
  process.stderr.write('The working directory is gone: start the service in one that exists.\n');
  process.exit(1);
}
