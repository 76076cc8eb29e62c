// Compares encoding with the npm package avsc: `node avsc.js DIRECTORY PAIRS`, where DIRECTORY holds the package.
//
// PAIRS are test/judge/generate.py's. Each datum of the writer's schema is decoded, compared with the value that it was made
// of, and encoded again: avsc must find what our generator, and so our encoder, means by these bytes. Unions keep their
// branch, so nothing is ambiguous. The last line is "compared N".
'use strict';
const fs = require('fs');
const readline = require('readline');
const avro = require(require.resolve(process.argv[2]));

const SHOWN_MAX = 20;

// 64-bit integers without loss.
const long = avro.types.LongType.__with({
  fromBuffer: (buf) => buf.readBigInt64LE(),
  toBuffer: (n) => { const buf = Buffer.alloc(8); buf.writeBigInt64LE(n); return buf; },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (n) => typeof n === 'bigint',
  compare: (a, b) => (a === b ? 0 : a < b ? -1 : 1),
});

function bits(kind, value) {
  const buf = Buffer.alloc(kind === 'float' ? 4 : 8);
  if (kind === 'float')
    buf.writeFloatLE(value);
  else
    buf.writeDoubleLE(value);
  return (kind === 'float' ? 'f:' : 'd:') + buf.toString('hex');
}

// A value as generate.py tells it.
function tell(type, value) {
  switch (type.typeName) {
  case 'null': return null;
  case 'boolean': return value;
  case 'int':
  case 'abstract:long':
  case 'long': return 'i:' + value;
  case 'float':
  case 'double': return bits(type.typeName, value);
  case 'string': return 's:' + value;
  case 'bytes':
  case 'fixed': return 'x:' + Buffer.from(value).toString('hex');
  case 'enum': return 'e:' + value;
  case 'array': return ['a', ...value.map((v) => tell(type.itemsType, v))];
  case 'map': return ['m', ...Object.entries(value).map(([k, v]) => [k, tell(type.valuesType, v)])];
  case 'record': return ['r', ...type.fields.map((f) => tell(f.type, value[f.name]))];
  case 'union:wrapped': {
    if (value === null)
      return ['u', type.types.findIndex((t) => t.typeName === 'null'), null];
    const [[name, inner]] = Object.entries(value);
    const i = type.types.findIndex((t) => t.branchName === name);
    return ['u', i, tell(type.types[i], inner)];
  }
  default: throw new Error('a type of avsc that this judge does not know: ' + type.typeName);
  }
}

async function main() {
  let compared = 0, different = 0;
  const lines = readline.createInterface({input: fs.createReadStream(process.argv[3])});
  for await (const line of lines) {
    const pair = JSON.parse(line);
    const type = avro.Type.forSchema(JSON.parse(pair.shape), {wrapUnions: true, registry: {long}});
    pair.data.forEach((hex, i) => {
      let what = null;
      try {
        const value = type.fromBuffer(Buffer.from(hex, 'hex'));
        const told = JSON.stringify(tell(type, value)), truth = JSON.stringify(pair.truth[i]);
        const again = type.toBuffer(value).toString('hex');
        if (told !== truth)
          what = `avsc decodes ${told}, it was ${truth}`;
        else if (again !== hex)
          what = `avsc encodes ${again}, we ${hex}`;
      } catch (e) {
        what = `avsc: ${e.message}`;
      }
      compared++;
      if (what !== null && ++different <= SHOWN_MAX)
        console.log(`DIFFERENT pair ${pair.id}, datum ${i}: ${what}\n  schema ${pair.shape}`);
    });
  }
  console.log(`different ${different}\ncompared ${compared}`);
  process.exit(different === 0 ? 0 : 1);
}

main();
