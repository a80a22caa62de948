// A real Vendure shop on loopback with a database in memory: what the vendure adapter is proved against.
//
// Prints one line of JSON when it serves: {"url": ..., "user": ..., "password": ...}. Ends when its standard input
// does, so that it never outlives whoever started it.
//
// Beside the shop's own two APIs it answers POST /_control/ACTION, for tests alone:
//   snapshot {name}   keeps the whole database under a name
//   restore {name}    puts it back
//   clock {ahead}     sets by how many seconds the shop's time differs from the machine's
//   clock {at}        stops the shop's time at so many seconds since 1970
//   sql {text}        asks the database itself
'use strict';

process.env.VENDURE_DISABLE_TELEMETRY = 'true';
process.env.TZ = 'UTC';

// -- one clock for the shop's code, its database and the Date header, moved by tests

const MachineDate = Date;
let ahead = 0;
let stopped; // at this moment, if at all
class ShopDate extends MachineDate {
    constructor(...args) {
        if (args.length) super(...args);
        else super(ShopDate.now());
    }
    static now() {
        return stopped ?? MachineDate.now() + ahead;
    }
}
globalThis.Date = ShopDate;

const { bootstrap, defaultConfig, dummyPaymentHandler, manualFulfillmentHandler, mergeConfig, NoopLogger,
    DefaultLogger, LogLevel, TransactionalConnection, LanguageCode, RequestContext, ChannelService, ZoneService,
    TaxRateService } = require('@vendure/core');
const { populateInitialData } = require('@vendure/core/cli');

const USER = 'superadmin';
const PASSWORD = 'a password for tests alone';

// -- sql.js has a single connection: transactions of two requests would run into each other, so requests take turns

let turn = Promise.resolve();
function inTurn(request, response, next) {
    const before = turn;
    turn = new Promise(done => {
        response.once('close', done);
    });
    before.then(next);
}

function dated(request, response, next) {
    response.setHeader('Date', new ShopDate().toUTCString());
    next();
}

const kept = new Map();
let app;

// What the shop keeps in memory of its database: a clock that stands still would let it never grow old.
async function forget() {
    const context = RequestContext.empty();
    await app.get(ChannelService).allChannels.refresh(context);
    await app.get(ZoneService).zones.refresh(context);
    await app.get(TaxRateService).activeTaxRates.refresh(context);
}

async function control(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const given = JSON.parse(Buffer.concat(chunks).toString() || '{}');
    const source = app.get(TransactionalConnection).rawConnection;
    const actions = {
        snapshot: () => kept.set(given.name, source.sqljsManager.exportDatabase()),
        restore: async () => {
            if (!kept.has(given.name)) return false;
            await source.sqljsManager.loadDatabase(kept.get(given.name));
            await forget();
            return true;
        },
        clock: () => {
            ahead = (given.ahead ?? 0) * 1000;
            stopped = given.at === undefined ? undefined : given.at * 1000;
        },
        sql: () => source.query(given.text, given.values),
    };
    const action = actions[request.url.split('/').pop()];
    try {
        const result = await action();
        response.writeHead(200, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify(result instanceof Map || result === undefined ? true : result));
    } catch (error) {
        response.writeHead(500, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify({ error: String(error) }));
    }
}

const config = mergeConfig(defaultConfig, {
    apiOptions: {
        hostname: '127.0.0.1',
        port: 0,
        adminApiPath: 'admin-api',
        shopApiPath: 'shop-api',
        middleware: [
            { route: '/_control', handler: inTurn, beforeListen: true },
            { route: '/_control', handler: control, beforeListen: true },
            { route: '/admin-api', handler: inTurn, beforeListen: true },
            { route: '/shop-api', handler: inTurn, beforeListen: true },
            { route: '/', handler: dated, beforeListen: true },
        ],
    },
    authOptions: {
        tokenMethod: ['bearer', 'api-key'],
        // Quick, and no secret is behind it.
        passwordHashingStrategy: { hash: async text => `plain ${text}`,
            check: async (text, hash) => hash === `plain ${text}` },
        superadminCredentials: { identifier: USER, password: PASSWORD },
        // A session that a test ends has ended: nobody remembers it beside the database.
        sessionCacheStrategy: { get: () => undefined, set: () => undefined, delete: () => undefined,
            clear: () => undefined },
    },
    customFields: { ProductVariant: [
        { name: 'ean', type: 'string', nullable: true },
        { name: 'syncdOperation', type: 'string', nullable: true, public: false },
    ] },
    dbConnectionOptions: { type: 'sqljs', synchronize: true, logging: process.env.VENDURE_SQL === '1' },
    paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
    logger: process.env.VENDURE_LOG ? new DefaultLogger({ level: LogLevel.Debug }) : new NoopLogger(),
});

const initial = {
    defaultLanguage: LanguageCode.en,
    defaultZone: 'Europe',
    countries: [{ code: 'DE', name: 'Germany', zone: 'Europe' }],
    taxRates: [
        { name: 'Standard', percentage: 19 },
        { name: 'Reduced', percentage: 7 },
        { name: 'Zero', percentage: 0 },
    ],
    shippingMethods: [{ name: 'Parcel', price: 490 }],
    paymentMethods: [
        { name: 'Prepaid', handler: { code: dummyPaymentHandler.code,
            arguments: [{ name: 'automaticSettle', value: 'true' }] } },
    ],
    collections: [],
};

async function main() {
    app = await bootstrap(config);
    await populateInitialData(app, initial);
    const { address, port } = app.getHttpServer().address();
    console.log(JSON.stringify({ url: `http://${address}:${port}`, user: USER, password: PASSWORD }));
    process.stdin.resume();
    process.stdin.once('end', () => process.exit(0));
}

main().catch(error => {
    console.error(error);
    process.exit(1);
});
