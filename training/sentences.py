"""Writes the texts to learn from and the texts to be judged by:  python3 -m training.sentences DATA

Training texts are WordNet's glosses and examples, sentences put together from everyday words, numbers in words and in digits, questions,
replies of one to three words, and paragraphs of up to 20 seconds; some are dressed in quotes, brackets and capitals, so that every sign that
can reach the model has been seen. The judging texts (everyday.txt, wordnet.txt and replies.txt beside this file) are never among them, nor, but for the
replies, inside longer ones. wordnet.txt has 60 of the short texts with rarer words than those that are learnt from, and 60 of more than 72 characters."""
import os
import random
import re
import sys
from collections import Counter

from training.front_end import normalised

WORDNET = "/usr/share/wordnet/data."
DICTIONARY = "/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict"
HERE = os.path.dirname(os.path.abspath(__file__))
LONGEST = 250  # characters, about 20 seconds


def words(text):
    return re.findall(r"[a-z']+", text.lower())


def lines(path):
    return [t.strip() for t in open(path) if t.strip()]


# ------------------------------------------------------------------------------------------------ WordNet

def wordnet_pieces():
    for part in ("noun", "verb", "adj", "adv"):
        for line in open(WORDNET + part, encoding="latin-1"):
            if line.startswith("  ") or "| " not in line:
                continue
            gloss = line.split("| ", 1)[1].strip()
            yield from re.findall(r'"([^"]+)"', gloss)
            for piece in re.sub(r'"[^"]*"', "", gloss).split(";"):
                yield re.sub(r"\([^)]*\)", "", piece)


def tidy(text):
    """A sentence with a capital and an end, or None where a gloss is no sentence."""
    text = " ".join(text.replace("--", ", ").split()).strip(" ,;:-").replace(" ,", ",").replace("`", "'")
    if not re.fullmatch(r"[A-Za-z' ,.?!-]+", text) or re.search(r"[A-Z]{2}|[.?!-]\S|''|-", text):
        return None
    return text[0].upper() + text[1:] + ("" if text[-1] in ".?!" else ".")


def wordnet():
    """All usable texts, those of frequent words first."""
    known = {line.split()[0] for line in open(DICTIONARY, encoding="latin-1")}
    found = {}
    for piece in wordnet_pieces():
        text = tidy(piece) if piece.strip() else None
        if text and 14 <= len(text) <= 160 and len(words(text)) >= 3 and all(w in known for w in words(text)):
            found.setdefault(text.lower(), text)
    texts = list(found.values())
    count = Counter(w for t in texts for w in words(t))
    random.Random(1).shuffle(texts)
    return sorted(texts, key=lambda t: -min(count[w] for w in words(t)))


# ------------------------------------------------------------------------------------------------ everyday speech

WHO = "I|You|We|They|He|She|My mother|My father|His sister|Our neighbor|The teacher|A friend|The boy|The girl|My wife|Her husband|The driver|The manager|Everybody|Nobody|Someone|The children|The man next door|Our guests|The police|Doctor Brown|Mister Smith|Mary|John|Anna|Tom|Peter".split("|")
DID = "bought|found|lost|forgot|needed|wanted|brought|sold|cleaned|painted|opened|closed|checked|carried|dropped|broke|fixed|hid|missed|liked|took|left|saw|watched|borrowed|ordered|packed|washed|moved|counted|saved|sent|kept|picked up|put away|looked for|asked for|paid for|waited for|talked about|thought about|laughed at|worked on".split("|")
WHAT = "the keys|a loaf of bread|the letter|some fresh fruit|the old chair|a bottle of water|the garden|his jacket|her bag|the tickets|a warm coat|the kitchen|two pairs of shoes|the car|an umbrella|the newspaper|the phone|a cheap hotel|the red bicycle|the photographs|a birthday present|the bill|the front door|the windows|some medicine|a bowl of soup|their luggage|the map|the last piece of cake|the computer|a pair of glasses|the meeting|the price|the answer|the problem|a new job|the first question|the dog|the cat|the baby|the money|an apple|eggs and cheese|a glass of orange juice|the blue shirt|the right size|the radio|a good idea|the message|the news".split("|")
WHERE = "at home|in the kitchen|near the bridge|on the way to school|in town|at the airport|behind the house|on the train|by the river|at the office|in the park|under the bed|at the market|upstairs|in the next room|on the other side of the street|at the bus stop|in the library|outside|at the hotel|in the hospital|on the second floor|in front of the church|at the bank|on the roof|down the road|in the country|at the restaurant".split("|")
WHEN = "yesterday|this morning|last week|on Monday|on Tuesday|on Wednesday|on Thursday|on Friday|on Saturday|on Sunday|in January|in February|in March|in April|in May|in June|in July|in August|in September|in October|in November|in December|last night|two days ago|after lunch|before breakfast|at noon|around midnight|during the summer|in the winter|last spring|all day|again|a few minutes ago|once more|early in the evening|for the first time|just now".split("|")
BE = "happy|tired|hungry|ready|late|early|busy|sick|angry|quiet|sure|afraid|sorry|cold|warm|wrong|right|alone|surprised|thirsty|worried|glad|free tonight|very kind|out of breath|in a hurry|on vacation|almost asleep|much better now".split("|")
MOOD = "Please|Could you please|Would you|You had better|Do not forget to|Try to|Remember to|Let us|I want you to|It is time to|We ought to|Why not|You may|I would rather|He promised to|She decided to|They hope to|I am going to|We have to|Be careful when you".split("|")
DO = "turn off the light|wash your hands|sit down|speak a little louder|call me tomorrow|wait a moment|bring the menu|write it down|take the next exit|read this page|lock the door|pass the salt|drive slowly|stay for dinner|feed the cat|show me the picture|come inside|try again|look at the map|cut the bread|keep the change|help me with this box|change the subject|drink more water|go to sleep|listen to the radio|ask your brother|buy some stamps|leave the window open|clean up this mess|answer the phone|take a deep breath|walk the dog|pick up the children|follow that car|finish your homework|tell me a joke|pay by card|catch the early bus|visit my grandmother".split("|")
LINK = "because|but|and|so|although|while|when|before|after|since".split("|")
ASK = "Where did you put|Have you seen|Do you like|How much is|Who took|When can I see|Did you bring|What happened to|Is there anything wrong with|Can I borrow|Why do you need|Which of you wants|How long have you had|Are you sure about|Who paid for|Do they sell|What do you think of|Could I have".split("|")
SIMPLE = "The weather was {be}.|It is {be2} today.|It has been {be2} all week.|It will be {be2} tomorrow.|How {be2} it is!|What a {be2} day!|The {thing} is {be2}.|The {thing} was too {be2}.|This {thing} looks {be2}.|That {thing} is not very {be2}.|Is the {thing} {be2}?|I have never seen such a {be2} {thing}."
BE2 = "nice|cold|hot|windy|cloudy|bright|dark|wet|lovely|terrible|wonderful|beautiful|strange|quiet|short|long|perfect|dirty|clean|small|big|cheap|expensive|heavy|light|old|new|empty|full|soft|hard|sweet|bitter|fresh|dry|funny|boring|important|difficult|easy|dangerous|safe|famous|popular|comfortable|ugly|sharp|slow|fast|loud|simple".split("|")
THING = "house|road|room|movie|book|song|story|water|bread|coffee|bed|knife|train|city|beach|school|hotel|lesson|game|question|garden|picture|bag|river|street|shop|kitchen|table|museum|village|lake|mountain|sky|moon|forest|bridge|station|hospital|winter|summer|night|holiday|party|dinner|journey|weather|machine|computer|television|telephone|window|floor|chair|tree|flower|horse|bird".split("|")


def everyday(rng):
    pick = rng.choice

    def clause():
        kind = rng.random()
        who = pick(WHO)
        if kind < 0.6:
            return f"{who} {pick(DID)} {pick(WHAT)}" + (f" {pick(WHERE)}" if rng.random() < 0.4 else "") + (f" {pick(WHEN)}" if rng.random() < 0.4 else "")
        be = "am" if who == "I" else "are" if who in ("You", "We", "They", "The children", "Our guests", "The police") else "is"
        be = {"am": "was", "is": "was", "are": "were"}[be] if rng.random() < 0.5 else be
        return f"{who} {be} {pick(BE)}" + (f" {pick(WHEN)}" if be in ("was", "were") and rng.random() < 0.5 else "")

    def lower(text):
        return text if re.match(r"(I|Mary|John|Anna|Tom|Peter|Doctor Brown|Mister Smith)\b", text) else text[0].lower() + text[1:]

    kind = rng.random()
    if kind < 0.35:
        return clause() + pick(["."] * 8 + ["!"])
    if kind < 0.55:
        return f"{clause()}{pick([',', ''])} {pick(LINK)} {lower(clause())}."
    if kind < 0.7:
        return f"{pick(MOOD)} {pick(DO)}" + pick([".", ".", "!"])
    if kind < 0.88:
        thing = pick(WHAT)
        return f"{pick(ASK)} {thing}?" if rng.random() < 0.7 else f"{pick(ASK)} {thing} {pick(WHERE)}?"
    return pick(SIMPLE.split("|")).format(be=pick(BE2), be2=pick(BE2), thing=pick(THING))


REPLIES = "Yes.|No.|Maybe.|Sure.|Thanks.|Thank you.|Hello.|Hi there.|Goodbye.|Bye.|Of course.|Not yet.|Not now.|I see.|I know.|Never mind.|Good morning.|Good night.|See you.|See you soon.|Excuse me.|I am sorry.|Sorry.|All right.|Okay.|Well done.|Very good.|Come in.|Come here.|Go away.|Wait.|Stop.|Stop it.|Look.|Listen.|Really?|Why?|Why not?|Who?|Where?|When?|What?|How?|How much?|How many?|Which one?|What time?|Who knows?|Is it?|Are you sure?|Next week.|Tomorrow.|Today.|Yesterday.|Tonight.|Right now.|In a minute.|At home.|Over there.|Right here.|Nothing.|Everything.|Nobody.|Everybody.|Exactly.|Perhaps.|Probably.|Certainly.|Absolutely.|Welcome.|Congratulations.|Happy birthday.|Good luck.|Take care.|Be careful.|Be quiet.|Hurry up.|Sit down.|Stand up.|Turn left.|Turn right.|Go ahead.|Go on.|No problem.|No way.|My pleasure.|I agree.|I think so.|I hope so.|I do.|I did.|He did.|She is.|They are.|We can.|One.|Two.|Three.|Four.|Five.|Six.|Seven.|Eight.|Nine.|Ten.|One more time.|Try again.|Well.|Oh.|Great.|Fine.|Fine, thanks.|Me too.|You too.|And you?|How are you?|Help!|Fire!|Water, please.|Yes, please.|No, thanks.|Yes, sir.|Monday.|Tuesday.|Wednesday.|Thursday.|Friday.|Saturday.|Sunday.|Red.|Green.|Blue.|Black and white.|Left.|Right.|Up.|Down.|Open the door.|Close the window.|Call me.|Tell me.|Show me.|I love you.|Let us go.|It is late.|It is raining.|Too late.|Too much.|Almost there.|Not really.|Not today.|Once again.|Thank goodness.|What happened?|What is that?|Who is there?|Your turn.|Let me see.|Read it.|Good idea.|Good afternoon.|Same here.|Long ago.|Last year.|This way.|That one.|Both of them.|A little.|A lot.|Of course not.|Keep going.|Do not worry.".split("|")

UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def in_words(n):
    if n < 20:
        return UNITS[n]
    if n < 100:
        return TENS[n // 10 - 2] + ("" if n % 10 == 0 else " " + UNITS[n % 10])
    if n < 1000:
        return in_words(n // 100) + " hundred" + ("" if n % 100 == 0 else " " + in_words(n % 100))
    return in_words(n // 1000) + " thousand" + ("" if n % 1000 == 0 else " " + in_words(n % 1000))


def number(rng):
    n = rng.choice([rng.randrange(10), rng.randrange(21), rng.randrange(100), rng.randrange(100), rng.randrange(1000), rng.randrange(10000)])
    month = rng.choice("January February March April May June July August September October November December".split())
    things = rng.choice("people miles books dollars days weeks years houses minutes students apples tickets seats pages steps windows cars letters rooms pounds hours children".split())
    say = in_words if rng.random() < 0.5 else str
    thing = rng.choice([
        f"There are {say(n)} {things} in the {rng.choice(THING)}.", f"I counted {say(n)} {things}.", f"It costs {say(n)} dollars.",
        f"The number is {say(n)}.", f"Page {say(rng.randrange(1, 400))}, please.", f"Room {say(rng.randrange(1, 900))} is on your left.",
        f"We waited for {say(rng.randrange(2, 60))} minutes.", f"She is {say(rng.randrange(3, 99))} years old.", f"He was born in {rng.randrange(1900, 2025)}.",
        f"It happened on {month} {rng.randrange(1, 29)}.", f"That makes ${rng.randrange(1, 100)}.", f"About {rng.randrange(1, 100)}% of them agreed.",
        f"The bus leaves at {rng.randrange(1, 13)} o'clock.", f"Call {' '.join(str(rng.randrange(10)) for _ in range(rng.randrange(3, 8)))}.",
        f"From {say(rng.randrange(10))} to {say(rng.randrange(10, 30))}.", f"{in_words(rng.randrange(1, 100)).capitalize()} plus {in_words(rng.randrange(1, 20))} is {say(n)}.",
        f"Only {say(n)} of {say(n + rng.randrange(1, 30))} {things} were left.", f"The temperature was {say(rng.randrange(1, 40))} degrees.", f"Chapter {say(rng.randrange(1, 30))}.",
        f"Flight {say(rng.randrange(100, 999))} is late."])
    return thing[0].upper() + thing[1:]


# ------------------------------------------------------------------------------------------------ signs and paragraphs

def dressed(text, rng):
    """The same words with other signs about them."""
    body, end = text[:-1], text[-1]
    kind = rng.randrange(12)
    if kind == 0:
        return f'"{text}"'
    if kind == 1:
        return f'“{text}”'
    if kind == 2:
        return f'"{body}," {rng.choice(["he said", "she said", "said the man", "they asked", "I thought"])}{"." if end in ".?!" else end}'
    if kind == 3:
        return f"({text})"
    if kind == 4:
        at = body.split(" ")
        i = rng.randrange(len(at))
        at[i] = f"({at[i]})"
        return " ".join(at) + end
    if kind == 5:
        at = body.split(" ")
        i = rng.randrange(len(at))
        at[i] = f'"{at[i]}"'
        return " ".join(at) + end
    if kind == 6:
        return body + rng.choice(["...", "…", "!", "?!", "!!", ";", ":", ""])
    if kind == 7:
        return text.lower()
    if kind == 8:
        return text.replace(", ", rng.choice(["; ", ": ", " - ", " — ", "—"]))
    if kind == 9:
        return rng.choice(["Well, ", "Oh, ", "Yes, ", "No, ", "Look: ", "So... ", "First, "]) + text
    if kind == 10:
        return text.replace("'", "’").replace(" ", "\n" if rng.random() < 0.2 else " ")
    return " ".join(w.upper() if len(w) > 3 and rng.random() < 0.3 else w for w in text.split(" "))


def paragraph(pool, rng):
    longest, text = rng.randrange(90, LONGEST), ""
    while True:
        more = rng.choice(pool)
        if len(text) + 1 + len(more) > longest:
            return text
        text = (text + " " + more).strip()


def held_out(texts):
    """Those that no judging text is, or lies in."""
    said = lambda text: " ".join(words(text))
    replies = {said(t) for t in lines(f"{HERE}/replies.txt")}
    whole = [said(t) for name in ("everyday", "wordnet") for t in lines(f"{HERE}/{name}.txt")]
    learnt = [(t, said(t)) for t in texts]
    return [t for t, plain in learnt if plain not in replies and not any(w in plain for w in whole)]


def main(out):
    rng = random.Random(10)
    os.makedirs(out, exist_ok=True)
    texts = wordnet()
    short, long = [t for t in texts if len(t) <= 72], [t for t in texts if 72 < len(t) <= 110]
    common = short[:36000]
    train = rng.sample(common, 9000) + rng.sample(short[36000:60000], 2500) + rng.sample(long[:12000], 1500)
    plain = {everyday(rng) for _ in range(4500)}
    train += sorted(plain) + [number(rng) for _ in range(2200)] + REPLIES * 4
    train += [dressed(t, rng) for t in rng.sample(train, 2600) + REPLIES]
    pool = [t for t in train if len(t) > 12]
    train += [p for p in (paragraph(pool, rng) for _ in range(2200)) if p]
    train = [" ".join(normalised(t).split()) for t in held_out(train)]
    rng.shuffle(train)
    with open(f"{out}/train.txt", "w") as f:
        f.write("\n".join(train) + "\n")
    print(len(train), "texts to learn from, mean length", sum(map(len, train)) // len(train))


if __name__ == "__main__":
    main(*sys.argv[1:])
