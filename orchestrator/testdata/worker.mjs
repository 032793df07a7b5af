// A worker for one participant, written from events/README.md with nothing but a NATS client.
//
// Its system is a JSON file, {"<user_id>": <number of items>}, of which this process is the only
// writer: what it reads, changes and renames between two awaits is one step.
//
// NATS_URL, NKEY_SEED_FILE  the server, and the seed of the participant's user
// PARTICIPANT, KIND, STORE  who it is, what it counts, and the file
// SLOW_MS                   how long an erase takes before its effect
// CRASH_BEFORE_REPORT=1     the process kills itself between the effect of an erase and its report
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const env = process.env;
const missing = ["NATS_URL", "NKEY_SEED_FILE", "PARTICIPANT", "KIND", "STORE"].filter((name) => !env[name]);
if (missing.length > 0) {
  console.error(`not set: ${missing.join(", ")}`);
  process.exit(2);
}
const modules = env.EXPUNGE_TEST_NODE_MODULES;
const require = createRequire(modules ? join(modules, "from-here.js") : import.meta.url);
const { connect, headers, Match, nkeyAuthenticator } = require("@nats-io/transport-node");

const { PARTICIPANT, KIND, STORE } = env;
const SLOW = Number(env.SLOW_MS ?? 0);
const SLOTS = 16;
const ANSWER = 5_000; // how long a question may take, in milliseconds
const PATIENCE = 75_000; // how long a process that stops tries to report what was granted
const INSTANCE = `worker-${randomUUID()}`;
const TYPE = (name) => `io.expunge.erasure.${name}.v1`;
const now = () => performance.now(); // monotonic, in milliseconds
const moment = () => ({ mono: now(), wall: Date.now() });
const stopping = new AbortController();
let stopBy = Infinity; // on the monotonic clock

function log(msg, fields = {}) {
  console.error(JSON.stringify({ time: new Date().toISOString(), msg, ...fields }));
}

// ---- Messages

// A message is built once: sent again it is the same to the byte, with the same ce-id.
function message(subject, type, data, saga) {
  const h = headers();
  h.set("ce-specversion", "1.0");
  h.set("ce-id", randomUUID());
  h.set("ce-source", `/participants/${PARTICIPANT}`);
  h.set("ce-type", TYPE(type));
  h.set("ce-time", new Date().toISOString());
  if (saga) h.set("ce-subject", saga);
  h.set("content-type", "application/json");
  return { subject, headers: h, payload: JSON.stringify(data) };
}

const isObject = (v) => v !== null && typeof v === "object" && !Array.isArray(v);

// open returns the type and the data of a message, or null if it is malformed.
function open(msg) {
  const types = msg.headers?.values("ce-type", Match.IgnoreCase) ?? [];
  if (types.length !== 1) return null;
  try {
    const data = msg.json();
    return isObject(data) ? { type: types[0], data } : null;
  } catch {
    return null;
  }
}

// ask returns what was answered, or null if nobody answered, or nothing that can be read.
async function ask({ subject, headers, payload }, timeout = ANSWER) {
  try {
    const answer = open(await nc.request(subject, payload, { headers, timeout }));
    if (!answer) log("answer cannot be read");
    return answer;
  } catch {
    return null;
  }
}

const is = (answer, type) => answer?.type === TYPE(type);
const isBusy = (answer) => is(answer, "problem") && answer.data.code === "busy";

// ---- The system

// Failure is what a report says with the verdict failed; counts are of what was erased all the same.
class Failure extends Error {
  constructor(type, code, counts) {
    super(code);
    this.report = { verdict: "failed", class: type, code, ...(counts && { counts }) };
  }
}

function readStore() {
  const store = parseStore(readText());
  const whole = store && Object.values(store).every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!whole) throw new Failure("misconfigured", "store_malformed");
  return new Map(Object.entries(store));
}

// readText fails if the file is missing: a wrong path is no absence.
function readText() {
  try {
    return fs.readFileSync(STORE, "utf8");
  } catch ({ code }) {
    const wrong = ["ENOENT", "ENOTDIR", "EISDIR", "EACCES", "EPERM"].includes(code);
    throw wrong ? new Failure("misconfigured", "no_store") : new Failure("transient", "store_unreadable");
  }
}

function parseStore(text) {
  try {
    const store = JSON.parse(text);
    return isObject(store) ? store : null;
  } catch {
    return null;
  }
}

const sum = (store, people) => people.reduce((n, id) => n + (store.get(id) ?? 0), 0);
const count = (people) => sum(readStore(), people);

// remove takes the people's entries out of the file and returns how many items those had. Everything
// slow comes before the last look at the clock; after it there is the rename alone.
function remove(people, grant) {
  const store = readStore();
  const erased = sum(store, people);
  const found = people.filter((id) => store.delete(id));
  if (found.length === 0) return 0;
  try {
    writeSynced(`${STORE}.new`, JSON.stringify(Object.fromEntries(store)));
    grant.check();
    fs.renameSync(`${STORE}.new`, STORE);
    syncFolder(dirname(STORE));
  } catch (err) {
    throw err instanceof Failure ? err : new Failure("transient", "store_unwritable");
  }
  return erased;
}

function writeSynced(path, text) {
  fs.rmSync(path, { force: true }); // what a predecessor left behind when it was killed
  fs.writeFileSync(path, text, { mode: fs.statSync(STORE).mode, flush: true });
}

function syncFolder(path) {
  const folder = fs.openSync(path);
  try {
    fs.fsyncSync(folder);
  } finally {
    fs.closeSync(folder);
  }
}

// ---- The verbs

const VERBS = ["resolve", "suspend", "restore", "erase", "verify"]; // all that there are
const verbs = new Map([
  ["resolve", resolve],
  ["erase", erase],
  ["verify", verify],
]);

async function resolve(people) {
  const items = count(people);
  return items === 0 ? { verdict: "absent", counts: {} } : { verdict: "resolved", counts: { [KIND]: items } };
}

async function erase(people, grant) {
  await workFor(SLOW, grant);
  const erased = remove(people, grant);
  if (erased > 0 && env.CRASH_BEFORE_REPORT === "1") await crash();
  const remaining = countAfter(erased, people, grant);
  if (erased === 0 && remaining === 0) return { verdict: "absent", counts: {}, remaining };
  return { verdict: "erased", counts: { [KIND]: erased }, remaining };
}

// countAfter asks the file anew; whatever stands in its way, the report says what was erased.
function countAfter(erased, people, grant) {
  try {
    grant.check();
    return count(people);
  } catch (err) {
    throw err instanceof Failure ? new Failure(err.report.class, err.report.code, { [KIND]: erased }) : err;
  }
}

async function verify(people) {
  const items = count(people);
  return { verdict: "counted", counts: { [KIND]: items }, remaining: items };
}

async function workFor(ms, grant) {
  for (const end = now() + ms; now() < end; ) {
    grant.check();
    await sleep(Math.min(20, end - now()));
  }
}

async function crash() {
  process.kill(process.pid, "SIGKILL");
  await new Promise(() => {});
}

// ---- Claims and permits

function claim(step, permit) {
  const { saga, verb, round } = step;
  const data = { saga, verb, round, instance: INSTANCE, ...(permit && { permit }), time: new Date().toISOString() };
  return message(step.claim_on, "claim", data, saga);
}

// Grant is the right to act for one permit. It counts from before the claim was sent, and is over
// when either clock says so: the monotonic one stands still while the machine sleeps.
class Grant {
  #step;
  #lost = false;
  #settled = new AbortController();

  constructor(step, permit, sent) {
    this.#step = step;
    this.permit = permit;
    this.#extend(permit, sent);
  }

  #extend(permit, sent) {
    this.end = { mono: sent.mono + permit.life_ms, wall: sent.wall + permit.life_ms };
    this.half = sent.mono + permit.life_ms / 2;
  }

  get left() {
    return Math.min(this.end.mono - now(), this.end.wall - Date.now());
  }

  get over() {
    return this.#lost || this.left <= 0;
  }

  // check is called before each effect.
  check() {
    if (this.#lost) throw new Failure("transient", "permit_withdrawn");
    if (this.over) throw new Failure("transient", "permit_expired");
  }

  settle() {
    this.#settled.abort();
  }

  // keep renews at each half of a life, until the work is settled or there is nothing more to ask.
  async keep() {
    const signal = this.#settled.signal;
    for (let next = this.half; next !== undefined; next = await this.#renew()) {
      await sleep(Math.max(0, next - now()), undefined, { signal }).catch(() => {});
      if (signal.aborted || this.over) return;
    }
  }

  // #renew returns when to ask again; undefined: never. An answer that says neither yes nor no changes nothing.
  async #renew() {
    const sent = moment();
    const answer = await ask(claim(this.#step, this.permit.permit), Math.min(ANSWER, this.left));
    if (is(answer, "permit")) return this.#renewed(answer.data, sent);
    if (is(answer, "refusal") && answer.data.reason !== "not_ready") return this.#lose();
    if (is(answer, "problem") && !isBusy(answer)) return log("renewal malformed", { code: answer.data.code });
    return now() + Math.min(1_000, this.permit.life_ms / 10);
  }

  #renewed(permit, sent) {
    if (!fits(permit, this.#step) || permit.permit !== this.permit.permit) return this.#lose();
    this.#extend(permit, sent);
    return this.half;
  }

  #lose() {
    this.#lost = true;
  }
}

function fits(permit, step) {
  return (
    permit.saga === step.saga &&
    permit.verb === step.verb &&
    permit.round === step.round &&
    typeof permit.permit === "string" &&
    Number.isSafeInteger(permit.life_ms) &&
    permit.life_ms > 0 &&
    Array.isArray(permit.identifiers)
  );
}

// ---- One step

// act returns the report, without the fields that every report has.
async function act(grant) {
  const serve = verbs.get(grant.permit.verb);
  if (!serve) return new Failure("refused", "no_ability").report;
  if (grant.permit.items?.length > 0) return new Failure("refused", "no_items").report; // it erases all or nothing
  const keeping = grant.keep();
  try {
    grant.check();
    return await serve(peopleOf(grant.permit), grant);
  } catch (err) {
    return err instanceof Failure ? err.report : new Failure("transient", "unexpected").report;
  } finally {
    grant.settle();
    keeping.catch(() => {});
  }
}

// peopleOf fails for a type that the file cannot be searched for: unsearched is not absent.
function peopleOf({ identifiers }) {
  if (!identifiers.some(({ type }) => type === "user_id")) throw new Failure("misconfigured", "user_id_missing");
  if (identifiers.some(({ type }) => type !== "user_id")) throw new Failure("misconfigured", "unknown_identifier");
  return [...new Set(identifiers.map(({ value }) => value))];
}

// report sends what came of a step. A report that will never be taken is replaced, once.
async function report(step, grant, verdict) {
  const instead = new Failure("misconfigured", "unsendable_report").report;
  for (const each of [verdict, instead]) {
    const problem = await sendReport(step, grant, each);
    if (!problem) return;
    log("report malformed", { saga: step.saga, verb: step.verb, code: problem.code, field: problem.field });
  }
}

// sendReport returns when a receipt came, or else with the problem. It goes on past the deadline: a late
// success counts. A process that must end gives up; the permit runs out, and the step is rung again.
async function sendReport({ saga, verb, round, report_on }, grant, verdict) {
  const msg = message(report_on, "report", { saga, verb, round, permit: grant.permit.permit, ...verdict }, saga);
  for (let pause = 200; ; pause = Math.min(2 * pause, 15_000)) {
    const answer = await ask(msg);
    if (is(answer, "receipt")) return logReceipt(answer.data, { saga, verb });
    if (is(answer, "problem") && !isBusy(answer)) return answer.data;
    if (now() >= stopBy) return log("stopped without a receipt", { saga, verb });
    await pauseUnlessStopping(pause);
  }
}

function logReceipt({ outcome, reason }, step) {
  if (outcome === "refused") log("report refused", { ...step, reason });
}

async function pauseUnlessStopping(ms) {
  if (stopping.signal.aborted) return sleep(Math.min(ms, 500));
  await sleep(ms, undefined, { signal: stopping.signal }).catch(() => {});
}

// ---- Doorbells

const underWay = new Map(); // saga, verb and round -> a promise of their end
const waiting = []; // those who wait for a slot
let taken = 0;

const ack = (bell) => nc.publish(bell.reply, "+ACK");
const nak = (bell) => nc.publish(bell.reply, `-NAK {"delay":${Math.round(1e9 + Math.random() * 29e9)}}`);

// ring never throws: what it cannot answer is delivered again.
function ring(bell) {
  if (!bell.reply) return log("no doorbell: nobody to answer");
  if (stopping.signal.aborted) return nak(bell);
  const command = open(bell);
  if (!isForMe(command)) {
    log("not a command for this worker", { type: command?.type });
    return ack(bell);
  }
  const step = command.data;
  const key = `${step.saga} ${step.verb} ${step.round}`;
  if (underWay.has(key)) return ack(bell);
  const end = take(bell, step)
    .catch((err) => log("step broken off", { saga: step.saga, verb: step.verb, error: err.name }))
    .finally(() => underWay.delete(key));
  underWay.set(key, end);
}

function isForMe(command) {
  if (!is(command, "command")) return false;
  const { participant, saga, verb, round, claim_on, report_on } = command.data;
  const texts = [saga, verb, claim_on, report_on];
  const whole = texts.every((t) => typeof t === "string" && t) && Number.isSafeInteger(round);
  return whole && participant === PARTICIPANT && VERBS.includes(verb);
}

async function take(bell, step) {
  if (!(await takeSlot())) return nak(bell);
  try {
    await handle(bell, step);
  } finally {
    freeSlot();
  }
}

async function handle(bell, step) {
  const sent = moment();
  const answer = await ask(claim(step));
  if (answer === null || isBusy(answer)) return nak(bell);
  if (is(answer, "problem")) log("claim malformed", { code: answer.data.code, field: answer.data.field });
  if (is(answer, "refusal") || is(answer, "problem")) return ack(bell);
  if (!is(answer, "permit") || !fits(answer.data, step)) {
    log("answer does not fit the claim", { saga: step.saga, verb: step.verb, type: answer.type });
    return nak(bell);
  }
  ack(bell);
  const grant = new Grant(step, answer.data, sent);
  await report(step, grant, await act(grant));
}

// takeSlot says whether there was a slot within a second.
function takeSlot() {
  if (taken < SLOTS) {
    taken++;
    return true;
  }
  return new Promise((resolve) => {
    const give = (ok) => {
      clearTimeout(timer);
      resolve(ok);
    };
    const timer = setTimeout(() => {
      waiting.splice(waiting.indexOf(give), 1);
      resolve(false);
    }, 1_000);
    waiting.push(give);
  });
}

// freeSlot hands the slot over to who waits longest.
function freeSlot() {
  const give = waiting.shift();
  if (give) give(true);
  else taken--;
}

// ---- The process

async function sayHello() {
  const data = { instance: INSTANCE, version: "1.0.0", abilities: [...verbs.keys()], needs: ["user_id"] };
  const answer = await ask(message(`erasure.hello.${PARTICIPANT}`, "hello", { ...data, time: new Date().toISOString() }));
  if (is(answer, "welcome")) log("welcome", { known: answer.data.known ?? false, fault: answer.data.fault });
  else log("hello without an answer", { code: answer?.data.code });
}

async function logStatus() {
  for await (const { type } of nc.status()) {
    if (["disconnect", "reconnect", "error"].includes(type)) log("connection", { type });
    if (type === "reconnect") sayHello();
  }
}

// stop lets what was delivered be answered, and what was granted be reported.
async function stop() {
  if (stopping.signal.aborted) return;
  stopping.abort();
  stopBy = now() + PATIENCE;
  for (const give of waiting.splice(0)) give(false);
  await Promise.race([doorbells.drain(), sleep(ANSWER)]);
  await Promise.all(underWay.values());
  await Promise.race([nc.drain(), sleep(ANSWER)]);
  process.exit(0);
}

const seed = new TextEncoder().encode(fs.readFileSync(env.NKEY_SEED_FILE, "utf8").trim());
const nc = await connect({
  servers: env.NATS_URL.split(","),
  authenticator: nkeyAuthenticator(seed),
  name: INSTANCE,
  maxReconnectAttempts: -1,
  ignoreAuthErrorAbort: true,
});
const doorbells = nc.subscribe(`erasure.deliver.${PARTICIPANT}`, {
  queue: PARTICIPANT,
  callback: (err, bell) => (err ? log("subscription ended", { error: err.name }) : ring(bell)),
});
nc.closed().then((err) => process.exit(err || !stopping.signal.aborted ? 1 : 0));
logStatus();
await nc.flush();
process.on("SIGTERM", stop).on("SIGINT", stop);
console.log("ready");
sayHello();
setInterval(sayHello, 60_000).unref();
