// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library from C++, by chan.hpp: endpoints that close once, errors that are
 * thrown. The steps are in lib_cpp_steps.cpp.
 */
#include "chan_test.h"
#include "lib_cpp_steps.h"

/* clang-format off */
FIXTURE(cpp) {
	int fds;
};

FIXTURE_VARIANT(cpp) {
	int (*step)(void);
};

FIXTURE_VARIANT_ADD(cpp, a_message_goes_through_a_pair) {
	.step = step_a_message_goes_through_a_pair,
};
FIXTURE_VARIANT_ADD(cpp, an_endpoint_closes_once) {
	.step = step_an_endpoint_closes_once,
};
FIXTURE_VARIANT_ADD(cpp, a_call_gets_its_reply) {
	.step = step_a_call_gets_its_reply,
};
FIXTURE_VARIANT_ADD(cpp, an_answer_leaves_nothing_owed) {
	.step = step_an_answer_leaves_nothing_owed,
};
FIXTURE_VARIANT_ADD(cpp, work_is_acknowledged_or_given_back) {
	.step = step_work_is_acknowledged_or_given_back,
};
FIXTURE_VARIANT_ADD(cpp, names_are_opened_and_rights_narrowed) {
	.step = step_names_are_opened_and_rights_narrowed,
};
FIXTURE_VARIANT_ADD(cpp, a_select_takes_exactly_one) {
	.step = step_a_select_takes_exactly_one,
};
FIXTURE_VARIANT_ADD(cpp, a_batch_runs_in_order) {
	.step = step_a_batch_runs_in_order,
};
/* clang-format on */

FIXTURE_SETUP(cpp)
{
	self->fds = count_fds();
}

FIXTURE_TEARDOWN_PARENT(cpp)
{
	names_sweep();
}

TEST_F(cpp, does_as_c)
{
	EXPECT_EQ(0, variant->step());
	EXPECT_EQ(self->fds, count_fds());
}

TEST_HARNESS_MAIN
