// The page of /studio in Chromium. Arguments: a scenario, the page's address, a folder with
// voice.wav and large.wav. Ends with an error at the first thing that is not as it should be.
'use strict';
const assert = require('node:assert/strict');
const {chromium} = require('playwright-core');

const [scenario, address, folder] = process.argv.slice(2);
const origin = new URL(address).origin;
const PATIENCE = 120000;  // for what must come; nothing waits for it otherwise
const RATE = 44100;
const FIRST = 'The first sentence is long enough to be a chunk of its own, since it goes on and on ' +
    'for so many words that nobody would want to say it in one breath, and then it goes on a little more. ';
const TEXT = FIRST + FIRST.replace('first', 'second') + FIRST.replace('first', 'third');

// In the page before its own script: what is played when, on a clock that the test turns.
function instrument() {
  window.seen = {starts: [], violations: []};
  window.sounding = new Set();
  window.clock = 0;
  Object.defineProperty(BaseAudioContext.prototype, 'currentTime', {get: () => window.clock});
  const {start, stop} = AudioBufferSourceNode.prototype;
  AudioBufferSourceNode.prototype.start = function (when) {
    window.seen.starts.push({when, samples: this.buffer.length});
    window.sounding.add(this);
    this.addEventListener('ended', () => window.sounding.delete(this));
    start.call(this, when);
  };
  AudioBufferSourceNode.prototype.stop = function () {
    window.sounding.delete(this);
    stop.call(this);
  };
  document.addEventListener('securitypolicyviolation', event => window.seen.violations.push(event.blockedURI));
}

async function withPage(work, {expectErrors = false, size = {width: 1440, height: 900}, scheme = 'light'} = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required', '--use-fake-ui-for-media-stream',
           '--use-fake-device-for-media-stream', `--use-file-for-fake-audio-capture=${folder}/voice.wav`,
           '--host-resolver-rules=MAP studio.test 127.0.0.1']});
  try {
    const page = await browser.newPage({viewport: size, colorScheme: scheme});
    page.setDefaultTimeout(PATIENCE);
    const complaints = [], foreign = [];
    page.on('console', message => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', error => complaints.push(error.message));
    page.on('request', request => {
      const url = request.url();
      if (!url.startsWith(origin + '/') && !/^(data|blob):/.test(url)) foreign.push(url);
    });
    await page.addInitScript(instrument);
    await page.goto(address);
    await work(page);
    assert.deepEqual(await page.evaluate(() => window.seen.violations), [], 'the policy was violated');
    assert.deepEqual(foreign, [], 'something else was loaded');
    if (!expectErrors) assert.deepEqual(complaints, [], 'the console has errors');
  } finally {
    await browser.close();
  }
}

const text = (page, id) => page.textContent(`#${id}`);
const until = (page, condition, argument) => page.waitForFunction(condition, argument, {timeout: PATIENCE});
const seen = page => page.evaluate(() => window.seen);
const post = (path, body) => fetch(origin + path, {method: 'POST', body: JSON.stringify(body ?? {})});

async function write(page, words) {
  await page.fill('#text', words);
  await until(page, () => !document.getElementById('go').disabled);
}
const spoken = page => until(page, () => document.getElementById('status').textContent.startsWith('Spoken'));

// Until nothing is at work in the server.
async function idle() {
  for (;;) {
    const {jobs} = await (await fetch(origin + '/health')).json();
    if (jobs.inProgress === 0 && jobs.inQueue === 0) return;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

const scenarios = {
  // The second chunk is held back until it is asked for.
  async speak() {
    await withPage(async page => {
      await write(page, TEXT);
      await until(page, () => document.querySelectorAll('#chunks li').length > 1);
      await page.keyboard.press('Control+Enter');
      await until(page, () => window.seen.starts.length > 0);
      assert.equal(await text(page, 'status'), 'Speaking', 'it sounds before all has been made');
      await post('/test/release');
      await spoken(page);
      const {starts} = await seen(page);
      for (let i = 1; i < starts.length; ++i) {
        const gap = starts[i].when - starts[i - 1].when - starts[i - 1].samples / RATE;
        assert.ok(Math.abs(gap) < 1 / RATE, `a gap of ${gap} s before piece ${i}`);
      }
      assert.ok(starts[0].when > 0, 'it has a lead');
      assert.ok(starts.every((one, i) => i === starts.length - 1 || one.samples >= 1024));
      const seed = Number(await text(page, 'used'));
      const whole = await post('/v1/audio/speech', {input: TEXT, seed, response_format: 'pcm', stream: false});
      const samples = starts.reduce((sum, one) => sum + one.samples, 0);
      assert.equal(samples, (await whole.arrayBuffer()).byteLength / 2, 'all of it was planned');
      assert.match(await text(page, 'first'), /^\d+\.\d\d s$/);
      assert.match(await text(page, 'factor'), /^\d+\.\d\d$/);
      await until(page, () => document.getElementById('gaps').textContent === '0');
      // Something is to be seen.
      const lit = await page.evaluate(() => ['wave', 'spectrum'].map(id => {
        const canvas = document.getElementById(id);
        return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(x => x > 100);
      }));
      assert.deepEqual(lit, [true, true]);

      // Files: of what was heard, with its real sizes; and any other format.
      const saved = async format => {
        await page.selectOption('#format', format);
        const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
        const parts = [];
        for await (const part of await download.createReadStream()) parts.push(part);
        return {name: download.suggestedFilename(), bytes: Buffer.concat(parts)};
      };
      const wav = await saved('wav');
      assert.equal(wav.name, `echo-voice-${seed}.wav`);
      assert.equal(wav.bytes.length, 44 + 2 * samples);
      assert.equal(wav.bytes.readUInt32LE(40), 2 * samples);
      assert.equal(wav.bytes.readUInt32LE(4), 36 + 2 * samples);
      assert.equal((await saved('flac')).bytes.subarray(0, 4).toString(), 'fLaC');
      assert.equal((await saved('opus')).bytes.subarray(0, 4).toString(), 'OggS');

      // Again, with its seed; then with the seed that is kept.
      await Promise.all([
        page.waitForRequest(request => request.url().endsWith('/audio/speech') && request.postDataJSON().seed === seed),
        page.click('#history .acts >> text=Again')]);
      await spoken(page);
      assert.equal(await page.locator('#history li').count(), 2);
      await page.click('#keep');
      assert.equal(await page.inputValue('#seed'), String(seed));

      // The sound runs dry, and goes on.
      await post('/test/hold');
      await page.evaluate(() => { window.seen.starts = []; });
      await page.click('#go');
      await until(page, () => window.seen.starts.length > 0);
      await page.evaluate(() => { window.clock = 1000; });
      await post('/test/release');
      await spoken(page);
      await until(page, () => document.getElementById('gaps').textContent === '1');
      assert.ok((await seen(page)).starts.at(-1).when > 1000);

      // Stopped: nothing sounds, nothing is made.
      await post('/test/hold');
      await page.evaluate(() => { window.seen.starts = []; });
      await page.click('#go');
      await until(page, () => window.seen.starts.length > 0);
      await page.keyboard.press('Escape');
      await until(page, () => document.getElementById('stop').disabled);
      assert.equal(await page.evaluate(() => window.sounding.size), 0, 'every piece was stopped');
      await idle();
      assert.equal(await text(page, 'status'), 'Stopped');
      await post('/test/release');

      // The numbers.
      await page.click('#worker-tab');
      await until(page, () => [...document.querySelectorAll('#requests tr')].some(
          row => row.textContent.includes('completed')));
      await until(page, () => document.querySelectorAll('#tiles dd').length > 4);
    });
  },

  async voices() {
    await withPage(async page => {
      const answers = [true];  // to the questions that are asked
      page.on('dialog', dialog => answers.shift() === false ? dialog.dismiss() : dialog.accept());
      await page.click('#add summary');
      const offer = async (file, name) => {
        await page.setInputFiles('#file', `${folder}/${file}`);
        await page.waitForSelector('#clip-facts li');
        if (name) await page.fill('#clip-name', name);
        await page.click('#upload');
      };
      const row = name => page.locator(`#voices input[value="${name}"]`);
      await page.setInputFiles('#file', `${folder}/voice.wav`);
      await page.waitForSelector('#clip-facts li');
      assert.equal(await page.inputValue('#clip-name'), 'voice', 'the name of the file is proposed');
      assert.match(await text(page, 'clip-facts'), /2\.0 seconds.*short/);
      await offer('voice.wav', 'Zoë 1');
      await row('Zoë 1').waitFor({state: 'attached'});
      assert.ok(await row('Zoë 1').isChecked());
      await page.waitForSelector('#voice-facts button');
      assert.match(await text(page, 'voice-facts'), /2\.0 s/);

      // Used, under its name.
      await write(page, 'Hello there.');
      const [request] = await Promise.all(
          [page.waitForRequest(one => one.url().endsWith('/audio/speech')), page.click('#go')]);
      assert.equal(request.postDataJSON().voice, 'Zoë 1');
      await spoken(page);

      // Taken: not replaced, then replaced.
      answers.splice(0, 1, false);
      await page.click('#add summary');
      await offer('voice.wav', 'zoë 1');
      await until(page, () => document.getElementById('add-error').textContent.includes('already'));
      answers.push(true);
      await page.click('#upload');
      await row('zoë 1').waitFor({state: 'attached'});
      assert.equal(await row('Zoë 1').count(), 0);

      await page.click('#add summary');
      await offer('voice.wav', '../x');
      await until(page, () => document.getElementById('add-error').textContent.startsWith('name:'));
      await offer('large.wav', 'large');
      await until(page, () => document.getElementById('add-error').textContent.includes('too large') ||
                              document.getElementById('add-error').textContent.includes('at most'));

      // Recorded.
      await page.click('#record');
      await until(page, () => /0:0[3-9]/.test(document.getElementById('record').textContent));
      await page.click('#record');
      await until(page, () => document.getElementById('record').textContent === 'Record again');
      await until(page, () => document.querySelectorAll('#clip-facts li').length > 0);
      await page.fill('#clip-name', 'spoken here');
      await page.click('#upload');
      await row('spoken here').waitFor({state: 'attached'});

      // Heard, and deleted.
      await Promise.all([
        page.waitForResponse(one => one.url().endsWith('/audio') && one.status() === 200),
        page.click('[aria-label="Listen to spoken here"]')]);
      await page.click('#voice-facts button');
      await row('spoken here').waitFor({state: 'detached'});
      const list = await (await fetch(`${origin}/v1/audio/voices`)).json();
      assert.deepEqual(list.data.map(one => one.id), ['zoë 1']);
    }, {expectErrors: true});  // Chromium reports each answer that is no success

    // OpenAI's own client does the same.
    const {default: OpenAI, toFile} = await import('openai');
    const client = new OpenAI({apiKey: 'key', baseURL: `${origin}/v1`});
    const form = async name => {
      const body = new FormData();
      body.append('name', name);
      body.append('consent', 'cons_1');
      body.append('audio_sample', await toFile(require('node:fs').createReadStream(`${folder}/voice.wav`), 'voice.wav'));
      return {body};
    };
    const made = await client.post('/audio/voices', await form('Anna'));
    assert.equal(made.object, 'audio.voice');
    assert.equal(made.id, 'Anna');
    await assert.rejects(form('anna').then(body => client.post('/audio/voices', body)),
                         error => error.status === 409 && error.code === 'voice_exists');
    assert.deepEqual(await client.delete('/audio/voices/Anna'),
                     {id: 'Anna', object: 'audio.voice.deleted', deleted: true});
  },

  // Names for everything, an order for the keyboard, room on a phone, contrast.
  async access() {
    for (const scheme of ['light', 'dark']) {
      await withPage(async page => {
        await write(page, TEXT);
        await page.click('#go');
        await spoken(page);
        for (const summary of await page.locator('#speak-view summary').all()) await summary.click();
        await page.waitForSelector('#num_steps');
        const session = await page.context().newCDPSession(page);
        const {nodes} = await session.send('Accessibility.getFullAXTree');
        const roles = ['button', 'textbox', 'searchbox', 'combobox', 'slider', 'radio', 'radiogroup', 'tab', 'link', 'meter', 'progressbar'];
        const nameless = nodes.filter(node => !node.ignored && roles.includes(node.role?.value) && !node.name?.value);
        assert.deepEqual(nameless.map(node => node.role.value), []);
        assert.ok(nodes.filter(node => !node.ignored && roles.includes(node.role?.value)).length > 25);

        // Tab goes through the page as it is written.
        const written = await page.evaluate(() => {
          const chosen = document.querySelector('#voices input:checked');
          return [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')].filter(
              element => !element.disabled && element.tabIndex >= 0 && element.checkVisibility({visibilityProperty: true}) &&
                         element.getAttribute('type') !== 'file' && element.localName !== 'audio' &&
                         (element.type !== 'radio' || element === chosen)).map((element, i) => element.dataset.order = String(i));
        });
        await page.evaluate(() => document.querySelector('.skip').focus());
        const visited = [await page.evaluate(() => document.activeElement.dataset.order)];
        while (visited.length < written.length) {
          await page.keyboard.press('Tab');
          const order = await page.evaluate(() => document.activeElement.dataset.order);
          if (order !== undefined) visited.push(order);
        }
        const names = await page.evaluate(() => [...document.querySelectorAll('[data-order]')].map(
            element => `${element.dataset.order} ${element.localName}#${element.id} ${element.textContent.trim()}`));
        assert.deepEqual(visited.map(i => names[i]), written.map(i => names[i]));

        for (const width of [360, 768, 1440]) {
          await page.setViewportSize({width, height: 800});
          const wide = await page.evaluate(() => document.documentElement.scrollWidth);
          assert.ok(wide <= width, `${wide} wide on ${width}`);
        }
        const faint = await page.evaluate(() => {
          const brush = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
          const rgba = colour => {
            brush.clearRect(0, 0, 1, 1);
            brush.fillStyle = colour;
            brush.fillRect(0, 0, 1, 1);
            const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
            return [r, g, b, a / 255];
          };
          const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
          const ground = element => {
            if (!element) return [255, 255, 255, 1];
            const own = rgba(getComputedStyle(element).backgroundColor);
            return own[3] === 1 ? own : over(own, ground(element.parentElement));
          };
          const light = ([r, g, b]) => [r, g, b].map(x => x / 255).map(x => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)
              .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
          const found = [];
          for (const element of document.querySelectorAll('body *')) {
            const words = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
            if (!words || !element.checkVisibility() || element.closest(':disabled, option, svg, .skip, .sr')) continue;
            const back = ground(element), colour = rgba(getComputedStyle(element).color);
            colour[3] *= Number(getComputedStyle(element).opacity);
            const [a, b] = [light(over(colour, back)), light(back)].sort((x, y) => y - x);
            const contrast = (a + 0.05) / (b + 0.05);
            if (contrast < 4.5) found.push(`${element.localName}#${element.id}.${element.className}: ${contrast.toFixed(2)}`);
          }
          return found;
        });
        assert.deepEqual(faint, []);
      }, {scheme});
    }
  },

  // Over plain HTTP under a name: no microphone, but sound.
  async insecure() {
    await withPage(async page => {
      assert.equal(await page.evaluate(() => window.isSecureContext), false);
      await write(page, 'Hello there.');
      await page.click('#add summary');
      assert.ok(await page.isHidden('#record'));
      assert.ok(await page.isVisible('#no-record'));
      await page.click('#go');
      await spoken(page);
      assert.ok((await seen(page)).starts.length > 0);
    });
  },

  async key() {
    await withPage(async page => {
      await page.fill('#key', 'wrong');
      await page.click('#key-form .first');
      await until(page, () => document.getElementById('key-dialog').open && !document.getElementById('key').value);
      await page.fill('#key', 'key');
      await page.click('#key-form .first');
      await page.waitForSelector('#voices input');
      await write(page, 'Hello there.');
      await page.click('#go');
      await spoken(page);
      await page.click('#worker-tab');
      await page.waitForSelector('#requests tr');
      assert.equal(await page.evaluate(() => localStorage.length), 0);
    }, {expectErrors: true});
  },
};

scenarios[scenario]().catch(error => {
  process.stderr.write(`${scenario}: ${error.stack || error}\n`);
  process.exit(1);
});
