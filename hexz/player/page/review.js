// What can be done in a review, and how its lesson goes on.

import { begin, goTo, judge, newLesson } from "./lesson.js";
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
export const tryAgain = inLesson((lesson) => goTo(lesson, lesson.number));
export const goFurther = inLesson((lesson) => goTo(lesson, lesson.number + 1));
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
