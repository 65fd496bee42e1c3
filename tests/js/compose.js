// A compose file as JSON, with its anchors resolved. Usage: node compose.js FILE
const { readFileSync } = require('fs');
const { parse } = require('yaml');
console.log(JSON.stringify(parse(readFileSync(process.argv[2], 'utf8'), { strict: true })));
