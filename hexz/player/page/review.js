// What can be done in a review, and how its lesson goes on.

import { opponentOf } from "./cells.js";
import { begin, goTo, isAway, judge, newLesson } from "./lesson.js";
import { analysis, store } from "./session.js";
/** @import { Lesson } from "./lesson.js" */

export function startReview() {
  const { game, offers } = store.state;
  if (offers.length && game.length) store.set({ lesson: newLesson(game), shown: game.tip, notice: null, hint: null });
}

/** @param {Lesson} lesson */
function setLesson(lesson) {
  store.set({ lesson, shown: lesson.phase === "done" ? store.state.game.tip : lesson.start, tool: "normal", notice: null });
}

/** @param {(lesson: Lesson) => Lesson} next */
const inLesson = (next) => () => store.state.lesson && setLesson(next(store.state.lesson));
export const answer = inLesson((lesson) => ({ ...lesson, phase: "answer", line: "better" }));
const anew = (/** @type {Lesson} */ lesson) => begin(lesson, store.state.game, analysis);

/** Asks for the mistake once more, or for all once all were seen; goes just back to an answer that was left. */
export const tryAgain = inLesson((lesson) => {
  if (lesson.phase === "answer" && isAway(lesson, store.state.shown)) return lesson;
  return lesson.phase === "done" ? anew(lesson) : goTo(lesson, lesson.number);
});

/** The next mistake, or after the last one those of the other player. */
export const goFurther = inLesson((lesson) => (
  lesson.phase === "done" ? anew({ ...lesson, player: opponentOf(lesson.player) }) : goTo(lesson, lesson.number + 1)));
export const leave = () => store.set({ lesson: null, shown: store.state.game.tip });

/** The lesson goes on once the analysis knows what it needs. */
store.follow(({ lesson, game, news }, before) => {
  if (!lesson || (news === before.news && lesson === before.lesson)) return;
  if (lesson.phase === "preparing" && game.line.every((node) => analysis.isDone(node))) {
    setLesson(begin(lesson, game, analysis));
  } else if (lesson.phase === "judging") {
    store.set({ lesson: judge(lesson, analysis) });
  }
});
