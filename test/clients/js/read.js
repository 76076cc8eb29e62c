// Reads a server with npm's @grpc/grpc-js: `node read.js MODULES PROTO PORT`. MODULES is the node_modules that package-lock.json
// pins, PROTO the folder of the .proto files; the stores are tools/clients.py's. The last line is "compared N", of values and
// statuses; an answer that is not what docs/formats/grpc.md says ends the program with a sentence and status 1.
'use strict';
const assert = require('assert');
const crypto = require('crypto');
const { createRequire } = require('module');
const path = require('path');

const [modules, proto, port] = process.argv.slice(2);
const pinned = createRequire(path.join(path.resolve(modules), 'here.js'));
const grpc = pinned('@grpc/grpc-js');
const loader = pinned('@grpc/proto-loader');

const PARTITIONS = 3, HEAVY_ROWS = 100, HEAVY_BYTES = 100000, WAIT_MS = 60000;
const KEY_NOT_FOUND = 2 ** 32 - 420;
const S = grpc.status;
let compared = 0;

function same(got, want, what) {
  assert.deepStrictEqual(got, want, what && `${what}: ${JSON.stringify(got)} instead of ${JSON.stringify(want)}`);
  compared++;
}

// --- Stubs ----------------------------------------------------------------------------------------------------------------

const files = ['VeniceReadService.proto', 'lagoon/read/v1/read.proto', 'grpc/health/v1/health.proto',
  'grpc/reflection/v1/reflection.proto', 'grpc/reflection/v1alpha/reflection.proto'];
const api = grpc.loadPackageDefinition(loader.loadSync(files, {
  includeDirs: [proto], keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true,
}));
const address = `127.0.0.1:${port}`;
const options = { 'grpc.max_receive_message_length': -1 };

function stub(Service, more = {}) {
  return new Service(address, grpc.credentials.createInsecure(), { ...options, ...more });
}

const Venice = api.com.linkedin.venice.protocols.VeniceReadService;
const venice = stub(Venice);
const zipped = stub(Venice, { 'grpc.default_compression_algorithm': 2 });
const read = stub(api.lagoon.read.v1.ReadService);
const health = stub(api.grpc.health.v1.Health);

const soon = (ms = WAIT_MS) => ({ deadline: Date.now() + ms });

// A unary call as a promise of [error, reply].
function ask(client, method, request, metadata = new grpc.Metadata(), opts = soon()) {
  return new Promise((resolve) => client[method](request, metadata, opts, (err, reply) => resolve([err, reply])));
}

async function reply(...call) {
  const [err, got] = await ask(...call);
  assert.ifError(err);
  return got;
}

async function refusal(...call) {
  const [err, got] = await ask(...call);
  assert(err, `no failure but ${JSON.stringify(got)}`);
  compared++;
  return err.code;
}

// A stream's end: its status.
function ending(call) {
  return new Promise((resolve) => {
    let code = null;
    call.on('status', (status) => { code = status.code; resolve(code); });
    call.on('error', () => {});
  });
}

// --- Avro and Venice's encodings --------------------------------------------------------------------------------------------

function long(n) {
  const out = [];
  for (let z = n < 0 ? -2 * n - 1 : 2 * n; ; z = Math.floor(z / 128)) {
    if (z < 128) {
      out.push(z);
      return Buffer.from(out);
    }
    out.push(z % 128 + 128);
  }
}

const key = (text) => Buffer.concat([long(Buffer.byteLength(text)), Buffer.from(text)]);

class Reader {
  constructor(data) { this.data = data; this.at = 0; }
  long() {
    let z = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.data[this.at++];
      z += byte % 128 * scale;
      if (byte < 128)
        return z % 2 ? -(z + 1) / 2 : z / 2;
    }
  }
  bytes() {
    const size = this.long();
    this.at += size;
    return this.data.subarray(this.at - size, this.at);
  }
  done() { return this.at === this.data.length; }
}

function text(value) {
  const r = new Reader(value), bytes = r.bytes();
  assert(r.done(), 'a value that is no Avro string');
  return bytes.toString();
}

const partition = (k) => Number(BigInt('0x' + crypto.createHash('md5').update(k).digest('hex')) % BigInt(PARTITIONS));

function single(name, topic = 'plain_v1') {
  const k = key(name);
  return { partition: partition(k), keyString: k.toString('base64url') + '?f=b64', resourceName: topic, method: 'GET' };
}

function many(names, topic = 'plain_v1', streaming = false) {
  const keys = names.map(key);
  return {
    keyBytes: Buffer.concat(keys.map((k, i) => Buffer.concat([long(i), long(k.length), k, long(partition(k))]))),
    resourceName: topic, isBatchRequest: true, method: 'POST', isStreamingRequest: streaming,
  };
}

// MultiGetResponseRecordV1, one after another: value by index.
function records(data) {
  const r = new Reader(data), out = new Map();
  while (!r.done()) {
    const index = r.long(), value = r.bytes();
    r.long();
    out.set(index, value);
  }
  return out;
}

const numbers = (n, from = 0) => Array.from({ length: n }, (_, i) => from + i);

function heavy(n) {
  return Buffer.from(numbers(HEAVY_BYTES).map((i) => 97 + i % 23)).toString();
}

// --- Cases -------------------------------------------------------------------------------------------------------------------

async function singles() {
  for (const n of numbers(200)) {
    const r = await reply(venice, 'get', single(`k${n}`));
    same([r.errorCode, r.schemaId, r.compressionStrategy, r.responseRCU], [200, 1, 0, 1]);
    same(text(r.data), `value of k${n}`);
  }
  const all = await Promise.all(numbers(1000).map((n) => reply(venice, 'get', single(`k${n}`))));
  all.forEach((r, n) => same(text(r.data), `value of k${n}`));
  const missing = await reply(venice, 'get', single('nobody'));
  same([missing.errorCode, missing.data.length, missing.errorMessage], [KEY_NOT_FOUND, 0, '']);
  same((await reply(venice, 'get', single('k1', 'nothing_v1'))).errorCode, 400);
}

async function batches() {
  const names = [...numbers(100).map((n) => `k${n}`), 'nobody', 'nowhere'];
  for (const streaming of [false, true]) {
    const r = await reply(venice, 'batchGet', many(names, 'plain_v1', streaming));
    same([r.errorCode, r.isStreamingResponse, r.responseRCU], [200, streaming, names.length]);
    const got = records(r.data);
    for (const n of numbers(100))
      same(text(got.get(n)), `value of k${n}`);
    same(got.size, streaming ? 102 : 100);
  }
  const large = await reply(venice, 'batchGet', many(numbers(HEAVY_ROWS).map((n) => `h${n}`), 'heavy_v1'));
  const got = records(large.data), want = heavy();
  for (const n of numbers(HEAVY_ROWS))
    same(text(got.get(n)) === want, true, `h${n}`);
}

async function compression() {
  same(text((await reply(zipped, 'get', single('k7'))).data), 'value of k7');
  same(records((await reply(zipped, 'batchGet', many(numbers(3000).map((n) => `k${n}`)))).data).size, 3000);
}

async function metadata() {
  const md = new grpc.Metadata();
  md.set('x-caller', 'a test');
  md.set('x-bytes-bin', Buffer.from(numbers(256)));
  same(text((await reply(venice, 'get', single('k7'), md)).data), 'value of k7');
}

function batch(id, names, store = 'plain') {
  return { batch_id: id, get: { store, keys: names.map((name, i) => ({ id: i, key: key(name) })) } };
}

async function streams() {
  const call = read.BatchGet(new grpc.Metadata(), soon()), end = ending(call), seen = new Map();
  const asked = 400, atOnce = 80;
  let next = 0;
  const more = () => {
    if (next < asked) {
      call.write(batch(next, [...numbers(10, next).map((n) => `k${n}`), 'nobody']));
      next++;
      if (next === asked)
        call.end();
    }
  };
  call.on('data', (r) => {
    const b = seen.get(r.batch_id) || { values: new Map(), missing: [], end: null };
    assert(b.end === null, `an answer behind the end of batch ${r.batch_id}`);
    seen.set(r.batch_id, b);
    r.values.forEach((v) => b.values.set(v.id, v));
    b.missing.push(...r.missing);
    b.end = r.end;
    if (r.end !== null)
      more();
  });
  numbers(atOnce).forEach(more);
  same(await end, S.OK);
  same(seen.size, asked);
  for (const [id, b] of seen) {
    same([b.end.status, b.end.rcu, b.end.version, b.missing], [0, 11, 1, [10]]);
    same(b.values.size, 10);
    for (const [n, v] of b.values)
      same([text(v.data), v.version, v.schema_id], [`value of k${id + n}`, 1, 1]);
  }
}

async function deadlines() {
  same(await refusal(venice, 'get', single('k7'), new grpc.Metadata(), soon(-1000)), S.DEADLINE_EXCEEDED);
  const start = Date.now(), watch = health.Watch({ service: '' }, new grpc.Metadata(), soon(500)), seen = [];
  watch.on('data', (r) => seen.push(r.status));
  same(await ending(watch), S.DEADLINE_EXCEEDED);
  same(seen, ['SERVING']);
  assert(Date.now() - start > 400 && Date.now() - start < WAIT_MS / 2, `the deadline came after ${Date.now() - start} ms`);
  const open = read.BatchGet(new grpc.Metadata(), soon(500)), got = [];
  open.write(batch(1, ['k1']));
  open.on('data', (r) => got.push(...r.values.map((v) => text(v.data))));
  same(await ending(open), S.DEADLINE_EXCEEDED);
  same(got, ['value of k1']);
  for (let i = 0; i < 100; i++) { // Deadlines that race with their answers: one or the other, and right.
    const [err, r] = await ask(venice, 'get', single('k9'), new grpc.Metadata(), soon(2));
    same(err ? err.code : text(r.data), err ? S.DEADLINE_EXCEEDED : 'value of k9');
  }
}

async function cancellation() {
  const names = numbers(HEAVY_ROWS).map((n) => `h${n}`);
  for (let turn = 0; turn < 10; turn++) {
    const call = read.BatchGet(new grpc.Metadata(), soon()), end = ending(call);
    numbers(10).forEach((i) => call.write(batch(i, names, 'heavy')));
    let came = 0;
    call.on('data', () => {
      if (came++ === turn)
        call.cancel();
    });
    same(await end, S.CANCELLED);
  }
  const unary = await new Promise((resolve) => {
    const call = venice.batchGet(many(names, 'heavy_v1'), new grpc.Metadata(), soon(), (err) => resolve(err));
    call.cancel();
  });
  same(unary.code, S.CANCELLED);
  same(text((await reply(venice, 'get', single('k7'))).data), 'value of k7');
}

async function refusals() {
  const unknown = grpc.makeGenericClientConstructor({ nothing: { ...Venice.service.get,
    path: '/com.linkedin.venice.protocols.VeniceReadService/nothing' } }, 'Unknown');
  same(await refusal(stub(unknown), 'nothing', single('k1')), S.UNIMPLEMENTED);
  same(await refusal(venice, 'get', { resourceName: 'x'.repeat(4 << 20) }), S.RESOURCE_EXHAUSTED);
  same(text((await reply(venice, 'get', single('k7'))).data), 'value of k7');
}

const services = ['com.linkedin.venice.protocols.VeniceReadService', 'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection', 'lagoon.read.v1.ReadService'];

async function checks() {
  for (const service of ['', ...services])
    same((await reply(health, 'Check', { service })).status, 'SERVING', service);
  same(await refusal(health, 'Check', { service: 'nobody' }), S.NOT_FOUND);
}

// grpc-js has no client of reflection of its own; the calls are.
async function reflection() {
  for (const version of ['v1', 'v1alpha']) {
    const call = stub(api.grpc.reflection[version].ServerReflection).ServerReflectionInfo(new grpc.Metadata(), soon());
    const end = ending(call), seen = [];
    call.on('data', (r) => seen.push(r));
    call.write({ list_services: '' });
    call.write({ file_containing_symbol: services[0] });
    call.write({ file_by_filename: 'nobody.proto' });
    call.end();
    same(await end, S.OK);
    same(seen[0].list_services_response.service.map((s) => s.name).sort(), services);
    const [file] = seen[1].file_descriptor_response.file_descriptor_proto;
    same(file.includes('VeniceReadService') && file.includes('batchGet'), true);
    same(seen[2].error_response.error_code, S.NOT_FOUND);
  }
}

async function main() {
  for (const one of [singles, batches, compression, metadata, streams, deadlines, cancellation, refusals, checks, reflection]) {
    try {
      await one();
    } catch (e) {
      console.log(`${one.name}: ${e.stack}`);
      process.exit(1);
    }
  }
  console.log(`compared ${compared}`);
  process.exit(0);
}

main();
