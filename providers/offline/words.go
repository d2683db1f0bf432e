package offline

// The word banks. {N} and {M} are people, {s} {p} {o} {S} the pronouns of N, {L} a place, {t} a thing, {a} an adjective,
// {k} an idea, {c} the light or the weather, {q} something said.

var givenNames = []string{
	"Ada", "Tomas", "Mirela", "Jonah", "Ines", "Caspar", "Leonie", "Idris", "Noor", "Emil", "Saskia", "Rafael", "Thea",
	"Anselm", "Yara", "Viktor", "Maren", "Silas", "Odile", "Bram", "Petra", "Luca", "Hanna", "Oren", "Zofia", "Kit",
	"Amara", "Felix", "Ruth", "Dario", "Elin", "Marcus", "Vera", "Owen", "Lydia", "Stefan",
}

var familyNames = []string{
	"Brandt", "Reyl", "Okafor", "Lindqvist", "Marlowe", "Vance", "Castellan", "Hale", "Dray", "Moreau", "Keller", "Ashdown",
	"Petrov", "Quill", "Sato", "Thorne", "Varga", "Whitlock", "Yelland", "Zeller", "Arkwright", "Bellamy", "Corvin",
	"Dunmore", "Esser", "Farrow", "Grey", "Holloway", "Ivers", "Jansen",
}

var placeHeads = []string{
	"Harrow", "Salt", "Lantern", "Cinder", "Willow", "Grey", "North", "Amber", "Raven", "Glass", "Stone", "Winter", "Iron",
	"Hollow", "Silver", "Long", "Kestrel", "Marrow", "Thorn", "Fallow",
}

var placeTails = []string{
	"Bridge", "Quay", "Station", "Mill", "Observatory", "Market", "House", "Reach", "Gate", "Harbour", "Archive", "Yard",
	"Tower", "Crossing", "Hall", "Island", "Terrace", "Works", "Garden", "Lighthouse",
}

var things = []string{
	"the ledger", "a brass key", "the old lamp", "an unopened letter", "the map", "a cracked cup", "the radio", "a coil of rope",
	"the photograph", "a bundle of notes", "the compass", "a tin box", "the door", "the ticket", "a folded coat", "the bell",
	"the instrument panel", "a borrowed knife", "the stair rail", "a stack of charts", "the window", "the engine", "a torn page",
	"the clock",
}

var adjectives = []string{
	"quiet", "narrow", "bright", "worn", "patient", "cold", "unfamiliar", "careful", "sudden", "heavy", "pale", "restless",
	"ordinary", "distant", "stubborn", "gentle", "crowded", "empty", "steady", "crooked", "damp", "clear", "hurried", "faint",
}

var ideas = []string{
	"the promise", "what had been left unsaid", "the question of the debt", "the last good summer", "the price of waiting",
	"the lie they had agreed on", "the thing nobody named", "the chance of turning back", "an older quarrel",
	"the shape of the plan", "the long way home", "the difference between luck and care", "the silence after the alarm",
	"a kindness from years ago", "the rule they had broken", "the part of the story that did not fit",
}

var skies = []string{
	"Rain moved over the roofs in slow sheets", "The light had gone the colour of weak tea", "Wind worked at the shutters",
	"A thin moon stood above the water", "Fog lay along the ground", "The afternoon held its breath", "Snow had begun without a sound",
	"The sun came through in one long bar", "Somewhere a gutter dripped, and then another", "Dusk gathered in the corners first",
	"The morning smelled of smoke and oranges", "Heat rose from the stones", "The clouds broke toward the east",
	"The tide had turned an hour before",
}

var lines = []string{
	"You came back", "It was never about the money", "Listen, and then decide", "We have until morning", "Tell me the part you left out",
	"I counted twice", "Nobody uses that door any more", "It will hold if we are careful", "You knew before I did",
	"Then we do it the slow way", "There was a name on the back", "Ask me again tomorrow", "The others will follow",
	"Keep your voice down", "That is not what the letter says", "I would rather be wrong here than right alone",
	"Somebody has been keeping the lamp lit", "We can still turn around",
}

var sentences = []string{
	"{N} set {t} down and looked at the {a} room as if it might answer.",
	"{c}, and {L} seemed to draw a little closer to itself.",
	"\"{q},\" said {M}, without turning round.",
	"{S} had expected anger, and found only a {a} kind of patience.",
	"For a while neither of them spoke, and {k} sat between them like a third guest.",
	"{N} crossed to {t} and put one hand on it, the way people touch wood.",
	"It was {M} who noticed {t}, and who said nothing about it until much later.",
	"\"{q}.\" {N} weighed the words before {s} let them go.",
	"Beyond the glass, {L} went on with its {a} business.",
	"{S} remembered {k}, and the memory was smaller than {s} had thought.",
	"{c}.",
	"{M} laughed once, a {a} sound, and pushed {t} across the table.",
	"There was a {a} smell in the passage, of dust and cold iron and something sweet.",
	"{N} counted the steps as {s} went, because counting left no space for {k}.",
	"Nothing in {L} had changed, and that was what made it strange.",
	"\"{q},\" {N} said at last, and was surprised to hear how steady it sounded.",
	"They followed the {a} path down past the sheds, one behind the other.",
	"{M} had brought {t}, wrapped in cloth, and would not say from where.",
	"What {s} wanted was simple; what {s} needed had {k} in it, and was not.",
	"The {a} hours before dawn were the ones in which {N} did {p} best thinking.",
	"A door closed somewhere above, and both of them waited for the next sound.",
	"{N} read the line again, slowly, until {k} began to make sense.",
	"By the time they reached {L}, the decision had already been made.",
	"\"{q}?\" {M} asked, and for the first time the question was not a game.",
	"{S} turned {t} over in {p} hands and found the mark that had been described to {o}.",
	"The crowd parted around them, {a} and incurious, and came together again.",
	"{M} had a way of listening that made other people say more than they meant.",
	"It would have been easy to leave then, and {N} thought about it honestly.",
	"Every wall of {L} had been painted by somebody in a hurry.",
	"{c}; the {a} street emptied by ones and twos.",
	"{N} said that {s} would go alone, and {M} let the silence refuse on {p} behalf.",
	"On the table lay {t}, exactly where it should not have been.",
	"{S} felt {k} settle, as weights do in a boat that has been loaded well.",
	"\"{q},\" {M} said, \"and then we will see.\"",
	"The sound came again, {a} and regular, from the far side of {L}.",
	"{N} did not believe in signs, but {s} kept {t} all the same.",
	"Later {s} would say that this had been the moment, though nothing in it looked like one.",
	"{M} drew a line with one finger in the dust and waited for {N} to cross it.",
	"They worked without hurry, passing {t} from hand to hand.",
	"Under the noise of the evening there was {k}, and under that there was nothing at all.",
	"{N} had learned early that a {a} answer is often the true one.",
	"The road to {L} ran straight for a mile and then seemed to lose its nerve.",
	"{S} slept badly, and woke with the feeling that {t} had been moved.",
	"\"{q}.\" It was not quite an apology, but {M} had never come closer.",
	"Somewhere in {L} a bell rang four times, and nobody remarked on it.",
	"{N} looked from {M} to {t} and back again, and understood the joke.",
	"The {a} thing about courage, {s} decided, was how much it resembled being tired.",
	"{c}, but {N} hardly saw it; {s} was thinking of {k}.",
	"{M} had written everything down, in a {a} hand, with the dates in the margin.",
	"When the lamp failed they went on by touch, and found that they knew the way.",
}

var openings = []string{
	"{N} came to {L} before anyone else was awake.",
	"{c} when {N} first heard about {k}.",
	"In {L}, people said, a {a} day was a day on which nobody asked questions; {N} had come to ask one.",
	"By evening {N} knew three things about {L}, and two of them were wrong.",
	"{M} was late, and {N} had begun to hope that {s} would not have to explain.",
	"It began with {t}, which had no business being in {L}.",
}

var closings = []string{
	"{N} shut the door behind {o}, gently, and went to begin.",
	"When {s} looked back, {L} was only a line of lights, and then not even that.",
	"{M} raised a hand; {N} raised one too; there was nothing left that needed saying.",
	"{c}, and for once {N} was content to let the morning come in its own time.",
	"{N} picked up {t} and walked on, lighter than before.",
}

var titleHeads = []string{
	"The Quiet", "A Narrow", "The Last", "An Unopened", "The Patient", "The Borrowed", "A Steady", "The Seventh", "The Distant",
	"A Careful", "The Hollow", "The First", "An Ordinary", "The Crooked", "A Bright", "The Winter",
}

var titleTails = []string{
	"Signal", "Harbour", "Ledger", "Crossing", "Promise", "Letter", "Alarm", "Bridge", "Debt", "Archive", "Lantern", "Return",
	"Witness", "Door", "Tide", "Map", "Hour", "Bargain", "Season", "Reckoning",
}

var genericWords = []string{
	"trust", "memory", "courage", "belonging", "patience", "loss", "duty", "curiosity", "mercy", "ambition", "honesty",
	"distance", "loyalty", "freedom", "inheritance", "silence",
}
