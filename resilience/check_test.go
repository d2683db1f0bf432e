package resilience

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNotEmpty(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"": false, " \n\t ": false, "123456789": true /* a number */, "too short": false, "ten chars.": true, "  .         ": false,
		"äöüäöüäöüä": true, "{}": false, "[ ]": false, "null": false, `""`: false, `"hi"`: false, `{"a":1}`: true, "[1]": true, "42": true, "true": true, "{broken": false,
	} {
		err := NotEmpty(Answer{Text: text})
		require.Equal(t, ok, err == nil, "%q", text)
		if err != nil {
			require.Equal(t, EmptyResponse, Classify(err))
		}
	}
}

func TestNotTruncated(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"length", "max_tokens", "MAX_TOKENS", "FinishReasonMaxTokens", "model_length", "model_context_window_exceeded"} {
		require.Equal(t, Truncated, Classify(NotTruncated(Answer{FinishReason: reason})), reason)
	}
	for _, reason := range []string{"", "stop", "end_turn", "tool_calls", "FinishReasonStop", "content_filter"} {
		require.NoError(t, NotTruncated(Answer{FinishReason: reason}))
	}
}

func TestNotRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"I'm sorry, but I can't assist with that request.",
		"I’m sorry, but I can’t help with that.",
		"I apologize, but I cannot fulfill this request as it goes against my guidelines.",
		"I apologize for any inconvenience, but I cannot generate that content.",
		"I apologize, but I cannot create content that is harmful.",
		"**I cannot** write explicit content of this kind.",
		"As an AI language model, I do not have feelings.",
		"Unfortunately, I am unable to provide this content.",
		"I won't be able to help with that request.",
		"I'm not able to continue this story.",
		"Error: upstream failed", "  **Error:** nothing",
		"Sorry, we cannot comply with your request.",
		"I'm sorry, I couldn't generate that content.", "I cannot write the story you asked for.",
	} {
		require.Equal(t, ContentPolicy, Classify(NotRefused(Answer{Text: text})), text)
	}
	for _, text := range []string{
		`"I cannot help you with that request," said the clerk, and closed the window.`,
		"“I'm sorry, but I can't assist with that,” the robot said.",
		"— I cannot comply with your request, said the guard.",
		"I cannot remember the day my father left. The house was quiet.",
		"I can't go on, I'll go on.",
		"I cannot help but wonder what this request of hers had meant.. or not.",
		"Mara looked up. I cannot fulfill this request, she thought.",
		"Unfortunately, Mara could not open the door with this content inside.",
		"Sorry was not a word that Tom used. He never helped with that.",
		"Errors had been made.", "The letter began: I'm sorry, but I can't help with that.",
		strings.Repeat("A long scene. ", 20) + "I'm sorry, but I can't assist with that request.",
		"", "Ich kann nicht.",
		"I couldn't continue the story my grandmother had begun. So I burned it.",
		"I could not write the scene. For three weeks the page stayed white.",
		"Sorry. I can't help with that, I told him, and closed the door.",
		"I will not continue this story in the way she wanted it told, thought Mara.",
		"*I'm sorry, but I can't help with that,* the machine printed.",
		`I'm sorry, but I can't help with that," Mara said.`,
	} {
		require.NoError(t, NotRefused(Answer{Text: text}), text)
	}
	for _, reason := range []string{"content_filter", "refusal", "FinishReasonSafety", "FinishReason(8)", "SAFETY"} {
		require.Equal(t, ContentPolicy, Classify(NotRefused(Answer{Text: "A good story.", FinishReason: reason})), reason)
	}
}

func TestNoPromptEcho(t *testing.T) {
	t.Parallel()
	const prompt = "You are a novelist.\n\nSCENE 3: THE HARBOUR\nCharacters:\n- Mara, a pilot\n\n## Task\n" +
		"Write the scene in which Mara finds the letter that her father had left her on the boat.\nUse the past tense."
	for text, ok := range map[string]bool{
		"Write the scene in which Mara finds the letter, that her father had left her on the boat.\n\nThe boat lay still.": false,
		"you are a novelist. SCENE 3: the harbour — characters: Mara, a pilot. Task: Write the scene in which":             false,
		"SCENE 3: THE HARBOUR\n\nThe boat lay still.":                                                                      false,
		"Characters:\nMara walked.":                                                   false,
		"**Scene 3: The Harbour**\nThe boat lay still.":                               false,
		"The boat lay still. Mara found the letter that her father had left her.":     true,
		"# The Letter\n\nThe boat lay still.":                                         true,
		"Use the past tense.":                                                         true, // a short answer may be one of the lines, as a choice is
		"SCENE 3: THE HARBOUR":                                                        true,
		`{"scene": "Write the scene in which Mara finds the letter that her father"}`: true,
		"": true,
	} {
		err := NoPromptEcho(Answer{Text: text, Prompt: prompt})
		require.Equal(t, ok, err == nil, "%q", text)
	}
	require.NoError(t, NoPromptEcho(Answer{Text: "Characters:\nMara"}), "no prompt known")
}

func TestMinWords(t *testing.T) {
	t.Parallel()
	require.NoError(t, MinWords(3)(Answer{Text: "one — two, three"}))
	require.Error(t, MinWords(4)(Answer{Text: "one — two, three"}))
	require.NoError(t, MinWords(2)(Answer{Text: "don't stop"}))
	require.NoError(t, MinWords(3)(Answer{Text: "今日は良い"}))
	require.Error(t, MinWords(4)(Answer{Text: "今日は良い"}))
	require.NoError(t, MinWords(0)(Answer{}))
	require.Equal(t, InvalidResponse, Classify(MinWords(1)(Answer{})))
}

func TestSoftAndJudge(t *testing.T) {
	t.Parallel()
	mine := errors.New("too dull")
	dull := func(Answer) error { return mine }
	var failed *CheckError

	err := Soft(MinWords(5))(Answer{Text: "short"})
	require.ErrorAs(t, err, &failed)
	require.True(t, failed.Soft)
	require.Equal(t, "min_words", failed.Check)
	err = Soft(dull)(Answer{})
	require.ErrorAs(t, err, &failed)
	require.True(t, failed.Soft)
	require.ErrorIs(t, err, mine)
	require.NoError(t, Soft(nil)(Answer{}))
	require.ErrorAs(t, MinWords(5)(Answer{}), &failed)
	require.False(t, failed.Soft, "the check itself stays hard")

	a := Answer{Text: "a text that is long enough", FinishReason: "length"}
	require.NoError(t, Judge(a))
	require.NoError(t, Judge(a, nil, NotEmpty))
	require.Equal(t, Truncated, Classify(Judge(a, Soft(dull), NotTruncated)), "hard ones win")
	require.Equal(t, mine, Judge(a, dull, NotTruncated), "the first hard one")
	require.ErrorAs(t, Judge(a, Soft(NotTruncated), Soft(dull)), &failed)
	require.Equal(t, "not_truncated", failed.Check)
}
