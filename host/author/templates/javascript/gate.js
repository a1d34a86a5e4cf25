// {{name}}: passes when the task's folder has a file `notes.md` with enough words in it.
//
// A gate answers three questions, the three functions of the object `gate` below. It keeps nothing from
// one question to the next: the host starts it afresh every time.

// What you import here is what the gate may do; each import must also stand in world.wit.
import { settings, log } from 'orch:gate/task@0.1.0';
import { read } from 'orch:gate/artefacts@0.1.0';

const NAME = '{{name}}';
const FILE = 'notes.md';

// Which settings there are, as a JSON Schema. The host refuses settings that do not fit it.
const SETTINGS_SCHEMA = {
  type: 'object',
  properties: {
    min_words: {
      type: 'integer',
      minimum: 1,
      default: 1,
      description: 'How many words notes.md must have at least.',
    },
  },
  additionalProperties: false,
};

// Names with a dash in the contract are in camelCase here: `check-settings` is `checkSettings`.
export const gate = {
  // Who are you? Asked once, when the gate is loaded. No import may be called here.
  describe() {
    return {
      name: NAME,
      version: '0.1.0',
      summary: `Checks that ${FILE} says something`,
      // The verdict is written as `<key>: PASS` or `<key>: FAIL`. A key has only a-z, 0-9 and _.
      status: { key: `${NAME.replaceAll('-', '_')}_status`, pass: 'PASS', fail: 'FAIL' },
      // The file of the task's folder that the host writes the verdict to.
      artefact: `${NAME}-report.md`,
      settingsSchema: JSON.stringify(SETTINGS_SCHEMA),
    };
  },

  // Are these settings all right? One text for each problem; an empty list means yes.
  // No import may be called here either.
  checkSettings(text) {
    return settingsProblems(parse(text));
  },

  // May the task go on? This is the gate's real work.
  evaluate() {
    try {
      return judge();
    } catch (error) {
      // To say "I cannot decide", throw a `gate-error`, an object with a `tag`. That never counts as a pass.
      if (error?.tag !== undefined) {
        throw error;
      }
      // A mistake in the code: without these lines the gate would stop and not say where.
      throw { tag: 'internal', val: `${error} ${error?.stack ?? ''}` };
    }
  },
};

function judge() {
  const given = parse(settings());
  const problems = settingsProblems(given);
  if (problems.length > 0) {
    throw { tag: 'misconfigured', val: problems.join('; ') };
  }
  const minWords = given.min_words ?? 1;
  const words = countWords(notes());
  log('info', `${FILE} has ${words} word(s), ${minWords} wanted`);

  if (words >= minWords) {
    return verdict('pass', `${FILE} has ${words} word(s)`, []);
  }
  const finding = {
    rule: `${NAME}/no-notes`,
    severity: 'medium',
    // The agent that wrote the code gets this text word for word, so say plainly what is wrong.
    message: `${FILE} has ${words} word(s) and needs at least ${minWords}.`,
    at: { path: FILE, line: undefined },
    help: `Write what you did into ${FILE} in the task's folder.`,
    blocking: true,
  };
  return verdict('fail', `${FILE} is missing or too short`, [finding]);
}

// The text of the notes; a file that does not exist counts as empty.
function notes() {
  try {
    return read(FILE);
  } catch (error) {
    // An import that answers with an error throws it; the `read-error` is in `payload`.
    const why = error.payload?.tag;
    if (why === 'missing') {
      return '';
    }
    throw { tag: 'internal', val: `${FILE} cannot be read: ${why ?? error}` };
  }
}

function countWords(text) {
  return text.split(/\s+/).filter((word) => word !== '').length;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function settingsProblems(given) {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    return ['the settings must be a JSON object, such as {"min_words": 1}'];
  }
  const problems = Object.keys(given)
    .filter((key) => key !== 'min_words')
    .map((key) => `there is no setting \`${key}\`; this gate knows only \`min_words\``);
  const { min_words: minWords } = given;
  if (minWords !== undefined && !(Number.isInteger(minWords) && minWords >= 1)) {
    problems.push(`\`min_words\` must be a whole number of at least 1, not ${JSON.stringify(minWords)}`);
  }
  return problems;
}

function verdict(decision, summary, findings) {
  // `fields` are more lines for the verdict's frontmatter, `report` is its text in Markdown.
  return { decision: { tag: decision }, summary, fields: [], findings, report: '' };
}
