"""What customers say, and what each sentence is about: the meaning that the starter learns to read.

A class has words that a house might call it by (the first is its plain name) and sentences. In a sentence `[a|b]` is
one of its parts, {p} a product, {a} an amount, {d} a date, {t} a city, {c} a short number. The parts are many so that
a class is known by its words and not by heart.
"""

import re
from random import Random

Classes = dict[str, tuple[list[str], list[str]]]
CHOICE = re.compile(r"\[([^\[\]]*)\]")

TOPICS: Classes = {
    "billing": (
        "billing finance payment accounting invoice money charge".split(),
        ["[I was|we were|my card was] [charged|billed|debited] [twice|two times|too much|again] for the {p}", "my [invoice|bill|receipt] [shows|says|lists] {a} but the price was [lower|less]",
         "there is a [charge|fee|debit|payment] of {a} on my [card|bank account|bill] that I do not [know|understand|recognise]", "the [bill|invoice|receipt|statement] for the {p} is [wrong|too high|not right|missing]",
         "you took {a} from my [bank|card|account] [two times|without asking|by mistake|on {d}]", "the [amount|sum|total|tax] on my last [bill|invoice|receipt] [is too high|is not right|looks odd]",
         "[please|can you] send me [a copy of the|a new|the missing] [invoice|bill|receipt] over {a}", "my [card|payment] was [declined|refused] when I paid for the {p}",
         "the [discount|coupon|voucher] [was not used|is missing] on my [bill|invoice]", "I [paid|sent] {a} on {d} and [the bill still says unpaid|you still ask for money]",
         "[why do I pay|why did you book] {a} [for the {p}|more than I should]", "I need [an invoice|a bill|a receipt] for [my tax|our accounting] over the {p}", "your [statement|reminder] says I owe {a} but I have paid"],
    ),
    "delivery": (
        "delivery shipping logistics transport shipment dispatch carrier courier".split(),
        ["my [{p}|parcel|package|box|order] has not [arrived|come|reached me] yet", "the [parcel|package|{p}|shipment] was due on {d} and [is still not here|never came]", "the tracking [page|number] has not [moved|changed] since {d}",
         "the [courier|driver|postman|van] left the {p} at the wrong [door|house|address] in {t}", "where is my [{p}|parcel|package|shipment]", "the [package|parcel|box] seems to be lost [on the way|on the road] to {t}",
         "the [driver|courier] did not [ring|knock|wait] and took the [{p}|parcel] back", "can the {p} be [delivered|sent|brought] to {t} instead", "when will the [{p}|parcel|order] [come|arrive|be delivered|be shipped]",
         "nobody was at [home|the door] when the [driver|van|courier] came with the {p}", "the [{p}|parcel] went to [my old address|a neighbour|another street] in {t}", "the [{p}|package] is [late|stuck at the depot|stuck in {t}] since {d}",
         "I [waited|stayed at home] all day for the [driver|courier|van] with my {p}"],
    ),
    "return": (
        "return returns refund exchange withdrawal".split(),
        ["I [would like|want|wish] to [send|give|ship] the {p} back", "I want my money back for the {p}", "the {p} is too [small|large|short|wide] and I want to [swap|exchange|change] it", "how do I [return|send back] the {p} I got on {d}",
         "I [sent|gave] the {p} back on {d} and [have not seen the {a} yet|wait for my refund]", "please refund [the {a} I paid|me for the {p}]", "I changed my mind about the {p} [and send it back|]",
         "the {p} does not [suit|fit] me and I would like to [exchange|return] it", "[where|to which address] do I send the {p} [that I return|back]", "I need a return [label|form] for the {p}",
         "can I [swap|exchange] the {p} for [another one|a bigger one|the blue one]", "my refund of {a} [is late|has not come|is missing]"],
    ),
    "damage": (
        "damage damaged quality defect broken complaint".split(),
        ["the {p} [came|arrived] with a [crack|dent|scratch|hole|stain]", "the {p} [arrived|came] [broken|bent|smashed|wet|torn]", "one [corner|side|edge|leg] of the {p} is [bent|cracked|scratched|chipped]", "the box was [wet|open|crushed] and the {p} is [scratched|broken|dirty]",
         "a [part|screw|piece|foot] of the {p} is [missing|broken off]", "the {p} fell apart [on {d}|at once|in my hands]", "the [glass|cover|case|paint] of the {p} is [smashed|cracked|scratched]", "the {p} has a big [dent|crack|scratch]",
         "I unpacked the {p} and it was in [pieces|two parts]", "the {p} was [poorly|badly] packed and is now [broken|damaged]"],
    ),
    "technical": (
        "technical technician support engineering bug fault problem hardware".split(),
        ["the {p} does not [turn on|start|work|charge|react]", "the {p} [stops|turns off|freezes|shuts down] after [a few minutes|an hour|one week]", "the app [crashes|freezes|closes] when I open it", "the {p} does not connect to my [network|phone|computer]",
         "an error {c} [shows|blinks|comes up] on the {p}", "the [screen|display|light] of the {p} [stays|goes|is] [black|dark]", "the {p} makes a [loud|strange|grinding] noise", "the [update|new version] broke my {p}", "the {p} [gets|runs] [very hot|too warm]",
         "the [button|switch|motor|fan|handle] of the {p} [does nothing|is stuck|does not move|jams]", "the {p} [smells burnt|sparks|smokes|leaks water|drips]", "the battery of the {p} [is empty at once|does not hold|dies quickly]",
         "the {p} [shakes|rattles|hums|beeps] all the time"],
    ),
    "account": (
        "account access login password identity profile user".split(),
        ["I cannot [log in|sign in|get into my account]", "I [forgot|lost] my [password|login|pin]", "my [account|login|user] is [locked|blocked|disabled] since {d}", "the reset [mail|link|code] never [comes|arrives]", "please change the [address|name|mail|phone number] on my account [to {t}|]",
         "someone else [used|opened|entered] my account", "the code for the login does not reach my phone", "I want to [close|delete|remove] my account", "my password is [refused|not accepted|wrong] although it is right", "the [login|sign in] [page|form] [says|tells me] that I am [unknown|not registered]",
         "I cannot [change|update|see] my [profile|user data|mail address]", "my [user name|profile] was [changed|taken] by somebody"],
    ),
    "sales": (
        "sales question inquiry product presales advice offer".split(),
        ["do you [still|also] sell [the {p}|a {p}]", "is the {p} [in stock|available] [in {t}|]", "which {p} is best for a small [office|home|kitchen]", "can I get a [discount|better price] on ten of the {p}", "does the {p} come in [another color|green|a bigger size]",
         "how much is the {p} with delivery to {t}", "will the {p} be [cheaper|on sale] on {d}", "what is the difference between the {p} and the old model", "I [plan|want|would like] to [buy|order] [twenty|two|some] of the {p}", "please [make|send] me an offer for the {p}",
         "can you [advise|tell] me which {p} [to buy|I should take]", "how [long|wide|heavy|big] is the {p}"],
    ),
    "subscription": (
        "subscription membership plan contract renewal cancellation".split(),
        ["I want to [cancel|end|stop] my [plan|subscription|membership]", "my [plan|contract|membership] was renewed on {d} without my consent", "please [move|switch] me to the [basic|yearly|family|small] plan", "how do I [pause|renew|extend] my [membership|subscription]",
         "the trial ended and [I was billed {a}|it became a plan]", "can I upgrade my plan [today|to the next level]", "I would like to end my contract on {d}", "my membership card says it is expired", "when does my [contract|plan|membership] [run out|end|renew]",
         "I signed a contract for [two years|a year] and want to [leave|stop] early"],
    ),
    "warranty": (
        "warranty repair service maintenance guarantee fix".split(),
        ["is my {p} still under [warranty|guarantee]", "I need a repair for the {p}", "the {p} I bought on {d} needs a new part", "who can [fix|repair|mend] my {p} in {t}", "the repair of the {p} takes too long", "the guarantee for the {p} ends on {d}",
         "can a technician come to {t} to [look at|mend|service] the {p}", "I need a spare part for the {p}", "how [much|long] does it take to repair the {p}", "does the warranty [cover|pay for] the {p}", "my {p} is at your workshop since {d}"],
    ),
    "feedback": (
        "feedback suggestion praise review idea compliment".split(),
        ["I [love|like|enjoy] the {p}", "your team in {t} was so [kind|helpful|quick]", "it would be [great|nice] if the {p} had a [timer|handle|lamp]", "thank you for the [fast|kind] help on {d}", "the {p} is the best I ever had", "please add a [dark mode|search] to the app",
         "I would like to share an idea for the {p}", "the new {p} is much better than the old one", "I gave your shop five stars for the {p}", "well done with the {p}"],
    ),
    "appointment": (
        "appointment booking schedule meeting visit reservation calendar".split(),
        ["I [would like|want|need] to [book|make|get] an appointment [on {d}|in {t}]", "please [move|change|shift] my [appointment|meeting|booking] to {d}", "I [cannot come|am late] to [my|our] [appointment|meeting] on {d}", "is there a free [slot|time|table|room] on {d}",
         "I [booked|reserved] a [table|room|seat] in {t} for {d}", "what time is [my|our] [visit|meeting|appointment] on {d}", "please [confirm|cancel] my [reservation|booking] for {d}", "can we meet in {t} on {d}"],
    ),
    "privacy": (
        "privacy security compliance legal data safety".split(),
        ["which data do you [keep|store|hold] about me", "please [delete|erase|remove] all my [personal data|data|records]", "I never agreed to [your newsletter|this advertising|share my data]", "I got a [strange|fake|fraud] mail in your name", "is it [safe|secure] to pay on your site",
         "my data was [leaked|stolen|sold]", "my lawyer asks for your [terms|policy|consent form]", "stop sending me [advertising|newsletters|marketing mails]"],
    ),
    "website": (
        "website web portal online site shop page".split(),
        ["the [site|website|web page] [is down|does not load|is very slow]", "the [search|menu|basket|cart] on your [site|website] [does not work|is empty]", "I cannot put the {p} in the [cart|basket]", "a link on your [page|site] leads to nothing", "the [pictures|videos|prices] on your [site|page] do not show",
         "your [online shop|website] shows error {c}", "the [form|checkout] on your [site|page] [hangs|shows only white]"],
    ),
    "staff": (
        "staff employee service_team agent people colleague".split(),
        ["your [agent|colleague|clerk|employee] was [rude|impolite|very loud]", "nobody in your shop in {t} [helped|greeted] me", "your hotline [hung up|let me wait for an hour]", "the [lady|man|clerk] at the counter in {t} [laughed at|ignored] me", "your technician [came late|did not listen|smoked in my flat]",
         "I [called|phoned] five times and nobody [answered|called back]", "I want to speak to [your manager|the boss] about your [clerk|agent]"],
    ),
}  # fmt: skip

URGENCY: Classes = {
    "high": (
        "high urgent critical immediate severe".split(),
        ["This is [very |really |]urgent", "I need [an answer|a solution|your help] [today|now|within the hour]", "[Please help|Help me|Do something] at once", "I cannot wait [any longer|another day]", "We [can not|cannot] work until this is [solved|fixed|done]",
         "It has to be [fixed|done|settled] [right now|today|tonight]", "We lose money every [hour|minute|day]", "Please [act|answer|react] as [soon|fast|quickly] as you can", "This is an emergency", "It must [happen|be done] [now|immediately|before tonight]", "[Hurry|Hurry up], please", "Call me back [immediately|this minute|right away]"],
    ),
    "normal": (
        "normal medium standard regular routine".split(),
        ["Please let me know", "I look forward to [your reply|hearing from you|your answer]", "Can you help me with [this|it]", "An answer this week would be [fine|good]", "Please [check|have a look|see to it]", "What should I do [next|now|about it]", "Please [get|come] back to me", "I hope you can help",
         "Tell me what [you need|to do]", "How do we [proceed|solve this]", "Please [deal with|work on] it", "I would be glad [of an answer|to hear from you]"],
    ),
    "low": (
        "low minor later none".split(),
        ["There is no [hurry|rush]", "Take your time", "No [rush|stress|hurry] at all", "It can wait [a while|until next month|]", "Whenever you have [a moment|time]", "This is not [urgent|pressing|important]", "Any time next [month|year] is [fine|good]", "It is only a small thing", "Do not [hurry|worry about the time]",
         "[Some day|One day] is good enough", "I can wait for [weeks|some months]", "It is [by no means|not at all] urgent"],
    ),
}  # fmt: skip

TONE: Classes = {
    "negative": (
        "negative angry upset unhappy frustrated annoyed".split(),
        ["I am [very|really|so] [angry|annoyed|upset]", "This is a bad joke", "I am not [happy|pleased] at all", "I am really disappointed", "This is the worst [shop|service] I know", "I have had enough of this", "What a [mess|shame]", "I will never buy here again"],
    ),
    "neutral": ("neutral calm".split(), [""]),
    "positive": (
        "positive happy friendly satisfied polite".split(),
        ["I have always been happy with you", "Thanks for your great work", "You have a lovely shop", "I am a big fan of yours", "You have been so helpful before", "Thank you so much in advance", "You are [wonderful|the best]", "I am [really|very] [pleased|content] with you"],
    ),
}  # fmt: skip

BUYER: Classes = {
    "business": (
        "business company commercial corporate office".split(),
        ["It is for our office [in {t}|]", "We are a company of [ten|fifty]", "I write for my firm", "Our [team|staff|branch in {t}] needs it", "We have [a shop|an office|a hotel] in {t}", "I am the buyer of a [school|factory|restaurant]"],
    ),
    "private": (
        "private home personal family consumer".split(),
        ["It was a gift for my [sister|mother|son]", "We use it at home [every day|]", "It is for my [flat|kitchen|garden]", "My [wife|husband|daughter] uses it", "I [live|have a flat] in {t}", "It stands in my living room"],
    ),
}  # fmt: skip

CONTACT: Classes = {
    "again": (
        "again repeated second known open".split(),
        ["I have [written|called] before", "This is my [second|third] [mail|message]", "I called you on {d} [already|]", "Nobody answered my last mail", "I ask once more", "It is the same [trouble|story] as on {d}"],
    ),
    "first": ("first new initial".split(), ["I write to you for the first time", "We never had [trouble|contact] before", "I am a new customer", "This is my first message"]),
}  # fmt: skip

CLASSES: dict[str, Classes] = {"topic": TOPICS, "urgency": URGENCY, "tone": TONE, "buyer": BUYER, "contact": CONTACT}


def choose(random: Random, template: str) -> str:
    """The sentence with one part of each `[a|b]` chosen."""
    return CHOICE.sub(lambda found: random.choice(found[1].split("|")), template).strip()
