/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lib_cpp_test calls of lib_cpp_steps.cpp: the harness is C. Each returns 0, or
 * the number of the line that is not as it should be.
 */
#ifndef LIB_CPP_STEPS_H
#define LIB_CPP_STEPS_H

#ifdef __cplusplus
extern "C" {
#endif

int step_a_message_goes_through_a_pair(void);
int step_an_endpoint_closes_once(void);
int step_a_call_gets_its_reply(void);
int step_an_answer_leaves_nothing_owed(void);
int step_work_is_acknowledged_or_given_back(void);
int step_names_are_opened_and_rights_narrowed(void);
int step_a_select_takes_exactly_one(void);
int step_a_batch_runs_in_order(void);

#ifdef __cplusplus
}
#endif

#endif /* LIB_CPP_STEPS_H */
