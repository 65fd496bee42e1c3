// How soon a browser is heard: from the first bytes of speech in the studio's page to the samples that
// Chromium gives out. Arguments: the page's address, and how often.
//
//   NODE_PATH=tests/js/node_modules node bench/first_sound.js http://127.0.0.1:8000/studio 20
'use strict';
const {chromium} = require('playwright-core');
const [address, rounds = '20'] = process.argv.slice(2);
(async () => {
  const browser = await chromium.launch({executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required']});
  const page = await browser.newPage();
  page.setDefaultTimeout(120000);
  await page.addInitScript(() => {
    window.marks = {};
    const {read} = ReadableStreamDefaultReader.prototype;
    ReadableStreamDefaultReader.prototype.read = async function () {
      const got = await read.call(this);
      if (got.value?.length) window.marks.bytes ??= performance.now();
      return got;
    };
    const {start} = AudioBufferSourceNode.prototype;
    AudioBufferSourceNode.prototype.start = function (when) {
      const context = this.context;
      if (window.marks.planned === undefined) {
        window.marks.planned = performance.now() + (when - context.currentTime) * 1000;
        window.marks.latency = context.baseLatency * 1000;
        // What is really given out.
        const meter = context.createScriptProcessor(256, 1, 1);
        meter.onaudioprocess = event => {
          if (window.marks.sound !== undefined) return;
          const samples = event.inputBuffer.getChannelData(0);
          if (samples.every(x => x === 0)) return;
          window.marks.sound = performance.now();
        };
        this.connect(meter);
        meter.connect(context.destination);
      }
      start.call(this, when);
    };
  });
  await page.goto(address);
  const figures = [];
  for (let i = 0; i < Number(rounds); ++i) {
    await page.evaluate(() => { window.marks = {}; });
    await page.fill('#text', 'The first words are heard while the last ones are made.');
    await page.waitForFunction(() => !document.getElementById('go').disabled);
    await page.click('#go');
    await page.waitForFunction(() => window.marks.sound !== undefined);
    const m = await page.evaluate(() => window.marks);
    figures.push({planned: m.planned - m.bytes, sound: m.sound - m.bytes, latency: m.latency});
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => document.getElementById('stop').disabled);
  }
  const names = {planned: 'until the sound is planned for', sound: 'until samples are given out', latency: 'the context\'s own latency'};
  for (const [name, meaning] of Object.entries(names)) {
    const values = figures.map(one => one[name]).sort((a, b) => a - b);
    const at = share => values[Math.min(values.length - 1, Math.floor(share * values.length))].toFixed(0).padStart(4);
    console.log(`${meaning.padEnd(32)} median ${at(0.5)} ms, 95 % ${at(0.95)} ms`);
  }
  await browser.close();
})().catch(error => { console.error(error); process.exit(1); });
