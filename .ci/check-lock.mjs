// Can `npm ci` install what these lock files say on any platform, from any registry? npm leaves out what is optional and
// not for the machine that wrote the file, and remembers the registry of that machine, when it is not careful.
import { readFileSync } from 'node:fs';

const problems = process.argv.slice(2).flatMap((file) => {
  const { packages } = JSON.parse(readFileSync(file, 'utf8'));
  const has = (name, from) =>
    `${from}/node_modules/${name}`.replace(/^\//, '') in packages ||
    (from !== '' && has(name, from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/')))));
  return (
    Object.entries(packages)
      // Neither the project itself nor its workspaces come from a registry.
      .filter(([path, { link }]) => path.includes('node_modules/') && !link)
      .flatMap(([path, { integrity, resolved = '', inBundle, optionalDependencies = {} }]) => {
        const left = Object.keys(optionalDependencies).filter((name) => !has(name, path));
        const found = left.map((name) => `${name}, which ${path} has for some platform, is left out`);
        if (!integrity && !inBundle) found.push(`${path} has no checksum`);
        if (resolved !== '' && !resolved.startsWith('https://registry.npmjs.org/'))
          found.push(`${path} is from ${resolved}`);
        return found;
      })
      .map((problem) => `${file}: ${problem}`)
  );
});
if (problems.length > 0) {
  console.error(`${problems.join('\n')}\nRemove node_modules and the lock file, and npm install writes it anew.`);
  process.exitCode = 1;
}
