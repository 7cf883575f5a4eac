// What `functions/ingest` does for one change of an attribute, written as one would in Node with AWS's clients:
// the same signature, the same reads, the same conditional write, the same message. It leaves out what Muster does
// besides (traces, counts, identifiers that change, erasures, merges), which only makes it quicker.

import { createHmac, timingSafeEqual } from 'node:crypto';
import http from 'node:http';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import {
  BatchGetItemCommand, ConditionalCheckFailedException, DynamoDBClient, QueryCommand, UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';

const env = process.env;
// Given, so that no client looks for them: Muster's are given too.
const config = {
  region: env.AWS_REGION,
  endpoint: env.AWS_ENDPOINT_URL,
  credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY },
};
const dynamodb = new DynamoDBClient(config);
const secrets = new SecretsManagerClient(config);
const sqs = new SQSClient(config);

const CATALOG_MAX_AGE_MS = 5_000;
const SECRET_MAX_AGE_MS = 60_000;
const TOLERANCE_S = 300;
const ROUNDS = 32;

const copies = new Map();

async function cached(name, maxAge, read) {
  const copy = copies.get(name);
  if (copy && Date.now() - copy.at < maxAge) return copy.value;
  const value = await read();
  copies.set(name, { at: Date.now(), value });
  return value;
}

async function secret(name) {
  const read = await secrets.send(new GetSecretValueCommand({ SecretId: env.MUSTER_SECRET_PREFIX + name }));
  return JSON.parse(read.SecretString);
}

async function list(kind) {
  const documents = [];
  let after;
  do {
    const page = await dynamodb.send(new QueryCommand({
      TableName: env.MUSTER_CATALOG_TABLE,
      ConsistentRead: true,
      KeyConditionExpression: '#p = :p',
      ExpressionAttributeNames: { '#p': 'kind' },
      ExpressionAttributeValues: { ':p': { S: kind } },
      ExclusiveStartKey: after,
    }));
    documents.push(...page.Items.filter((item) => item.b).map((item) => JSON.parse(item.b.S)));
    after = page.LastEvaluatedKey;
  } while (after);
  return documents;
}

async function catalog() {
  const kinds = ['audience', 'attribute', 'activation', 'source', 'authorization'];
  const lists = await Promise.all(kinds.map(list));
  return Object.fromEntries(kinds.map((kind, index) => [kind, lists[index]]));
}

function isSigned(keys, headers, body) {
  const stamp = Number(headers['webhook-timestamp']);
  if (!(Math.abs(Date.now() / 1000 - stamp) <= TOLERANCE_S)) return false;
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  return [keys.current, keys.previous].filter(Boolean).some((key) => {
    const expected = createHmac('sha256', Buffer.from(key.replace(/^whsec_/, ''), 'base64')).update(signed).digest();
    return (headers['webhook-signature'] ?? '').split(' ').some((signature) => {
      const given = Buffer.from(signature.replace(/^v1,/, ''), 'base64');
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
  });
}

function personKey(installation, ...parts) {
  const mac = createHmac('sha256', Buffer.from(installation.key, 'base64'));
  for (const part of parts) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(Buffer.byteLength(part)));
    mac.update(length).update(part);
  }
  return mac.digest().subarray(0, 16);
}

async function readRow(key) {
  const answer = await dynamodb.send(new BatchGetItemCommand({
    RequestItems: {
      [env.MUSTER_PEOPLE_TABLE]: { Keys: [{ k: { B: key } }], ConsistentRead: true, ProjectionExpression: 'k, p' },
    },
  }));
  const item = answer.Responses[env.MUSTER_PEOPLE_TABLE][0];
  return item && JSON.parse(inflateRawSync(Buffer.from(item.p.B).subarray(1)));
}

// The newest fact wins; at a tie the one that is there stays.
function merge(row, change) {
  const known = row.attributes?.[change.attribute];
  if (known && Date.parse(known.occurred_at) >= Date.parse(change.occurred_at)) return false;
  row.version += 1;
  row.sequence += 1;
  row.changed_at = new Date().toISOString();
  row.attributes = {
    ...row.attributes,
    [change.attribute]: { value: change.value, occurred_at: change.occurred_at, version: row.version },
  };
  return true;
}

async function writeRow(key, row, readSequence) {
  const body = Buffer.concat([Buffer.from([1]), deflateRawSync(JSON.stringify(row))]);
  const values = {
    ':p': { B: body }, ':s': { S: row.source }, ':v': { N: String(row.version) }, ':q': { N: String(row.sequence) },
  };
  try {
    await dynamodb.send(new UpdateItemCommand({
      TableName: env.MUSTER_PEOPLE_TABLE,
      Key: { k: { B: key } },
      UpdateExpression: 'SET p = :p, s = :s, v = :v, q = :q',
      ConditionExpression: readSequence === 0 ? 'attribute_not_exists(k)' : 'q = :read',
      ExpressionAttributeValues: readSequence === 0 ? values : { ...values, ':read': { N: String(readSequence) } },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    }));
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}

async function store(source, key, change) {
  for (let round = 0; round < ROUNDS; round += 1) {
    const row = (await readRow(key)) ?? {
      format: 1, key: key.toString('hex'), source: source.id, version: 0, sequence: 0,
    };
    const readSequence = row.sequence;
    if (!merge(row, change) || (await writeRow(key, row, readSequence))) return;
  }
  throw new Error('the row was written by others too often');
}

// The same text each time: the client compares the checksum of what it sent with the answer's.
async function nudge(activation, key) {
  const message = {
    format: 1, message: 'nudge', activation: activation.id, people: [key.toString('hex')], lane: 'live', reopen: false,
  };
  const sent = await sqs.send(new SendMessageBatchCommand({
    QueueUrl: `${env.MUSTER_QUEUE_URL_PREFIX}${activation.destination}-live`,
    Entries: [{ Id: '0', MessageBody: JSON.stringify(message), DelaySeconds: 0 }],
  }));
  if (sent.Failed?.length) throw new Error('a message was refused');
}

async function handle(event, installation) {
  const answer = (statusCode, body) => ({
    statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), isBase64Encoded: false,
  });
  const id = event.rawPath.split('/').pop();
  const known = await cached('catalog', CATALOG_MAX_AGE_MS, catalog);
  const source = known.source.find((one) => one.id === id);
  if (!source) return answer(404, {});
  const body = event.isBase64Encoded ? Buffer.from(event.body, 'base64').toString() : event.body;
  const keys = await cached(`source/${id}`, SECRET_MAX_AGE_MS, () => secret(`source/${id}`));
  if (!isSigned(keys, event.headers, body)) return answer(401, {});
  const change = JSON.parse(body);
  const key = personKey(installation, 'person', source.id, source.keyed_by, change.person[source.keyed_by].trim());
  await store(source, key, change);
  const concerned = known.activation.filter((one) => one.source === source.id && one.status === 'active'
    && one.attributes.some((link) => link.attribute === change.attribute));
  await Promise.all(concerned.map((activation) => nudge(activation, key)));
  return answer(202, { accepted: 1, ignored: 0, rejected: [] });
}

const agent = new http.Agent({ keepAlive: true, noDelay: true });
const [host, port] = env.AWS_LAMBDA_RUNTIME_API.split(':');

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ agent, host, port, method, path: `/2018-06-01/runtime/${path}` }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function run() {
  const known = cached('catalog', CATALOG_MAX_AGE_MS, catalog);
  const [installation] = await Promise.all([secret('installation'), known]);
  for (;;) {
    const invocation = await call('GET', 'invocation/next');
    const id = invocation.headers['lambda-runtime-aws-request-id'];
    try {
      const answer = await handle(JSON.parse(invocation.body), installation);
      await call('POST', `invocation/${id}/response`, JSON.stringify(answer));
    } catch (error) {
      await call('POST', `invocation/${id}/error`, JSON.stringify({ errorMessage: String(error), errorType: error.name }));
    }
  }
}

run().catch((error) => {
  console.error(error);
  process.exit(1);
});
